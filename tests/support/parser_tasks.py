"""Tasks for parser processes. Parser processes import this module, so it imports little."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Sequence

from archive.model.article import Article
from archive.model.feed import Failure
from archive.model.fetch import Fetch
from crawler.extract.response import parse_fetch
from crawler.parsing.pool import ParserPool

MEBIBYTE = 1 << 20


def act(item: str) -> str:
    """Do what an item says; return it and the process."""
    match item:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "loop":
            while True:
                pass
        case "fill":
            held = bytearray(1024 * MEBIBYTE)
            return str(len(held))
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "warn":
            logging.getLogger("finarchive").warning("about %s", item)
        case "raise":
            raise ValueError(item)
    return f"{item} by {os.getpid()}"


def acts(skip: int, items: list[str]) -> Iterator[str]:
    """Do what each item says."""
    for item in items[skip:]:
        yield act(item)


def grandchild(skip: int) -> Iterator[str]:
    """Start another parser process in this one; return the numbers of both."""
    inner = ParserPool(1)
    [result] = inner.run(acts, ["a"])
    yield f"{os.getpid()} {str(result).split()[2]}"


def parse_for_ever(docid: str, skip: int, fetches: Sequence[Fetch], max_body: int) -> Iterator[Article | Failure]:
    """Parse fetches as the program does; that of one article does not end."""
    for fetch in fetches[skip:]:
        while fetch.pending.entry.docid == docid:
            pass
        yield parse_fetch(fetch, max_body)
