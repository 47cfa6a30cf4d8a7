"""What is fuzzed: for each target a corpus, and a check that raises on what its interface does not document."""

from __future__ import annotations

import gzip
import json
import random
import re
import socket
import tarfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from archive.files.layout import inner_path, journal_path
from archive.files.post import PROFILES
from archive.integrity.verify import verify
from archive.journal.journal import events
from archive.journal.warc import parts, warc_files
from archive.model.article import Article, ArticleImage
from archive.model.errors import ArchiveError, QueryError
from archive.model.feed import Failure
from archive.model.fetch import RawResponse
from archive.query.parser import parse
from archive.store import Store
from bench import search
from config.errors import ConfigError
from config.load import load, sample_text
from config.model import Feed
from crawler.errors import CrawlerError
from crawler.extract.response import parse_fetch
from crawler.listings.registry import READERS
from mocksite.server import MockSite
from mocksite.story import make_stories
from pipeline.reparse import _parse_part
from scheduler.daemon.control_client import SOCKET_NAME
from tests.archive.test_post import test_whatever_goes_in_loads_back
from tests.conftest import NEWEST, Home
from tests.support import hostile_html
from tests.support.daemon import Running
from tests.support.fetches import make_fetch

TESTS = Path(__file__).parents[2] / "tests"
AT = datetime(2026, 9, 29, tzinfo=UTC)
MAX_BODY = 8 * 2**20
ANSWER_SECONDS = 15.0  # of the control socket; a request must be complete after ten


class Target(Struct, frozen=True):
    """Inputs to begin with, and the check of an input."""

    corpus: list[bytes]
    check: Callable[[bytes], None]


def _read_list(kind: str, body: bytes) -> None:
    feed = Feed.model_validate(
        {"id": "it", "kind": kind, "categories": ["a"], "endpoint": "https://x.example/f", "lid": 1686}
    )
    reader = READERS[kind]
    for content_type in ("", "text/html; charset=utf-8"):
        with suppress(CrawlerError):
            reader.read(body, content_type, feed, AT)
    reader.essence(body)


def feeds(folder: Path, until: ExitStack) -> Target:
    """RSS, RDF, Atom and JSON Feed."""
    corpus = [path.read_bytes() for path in (TESTS / "lists").glob("rss*.*") if ".expected" not in path.suffixes]
    return Target(corpus, lambda data: _read_list("rss", data))


def lists(folder: Path, until: ExitStack) -> Target:
    """Lists of the other kinds; the first line of an input is the kind."""
    corpus = [
        path.stem.partition("-")[0].encode() + b"\n" + path.read_bytes()
        for path in (TESTS / "lists").iterdir()
        if path.stem.partition("-")[0] in READERS.keys() - {"rss"}
    ]

    def check(data: bytes) -> None:
        name, _, body = data.partition(b"\n")
        kind = name.decode(errors="replace")
        _read_list(kind if kind in READERS and kind != "rss" else "roll", body)

    return Target(corpus, check)


def pages(folder: Path, until: ExitStack) -> Target:
    """Pages of articles."""
    corpus = [path.read_bytes() for path in (TESTS / "pages").glob("*.html")] + [hostile_html.PAGE.encode()]

    def check(data: bytes) -> None:
        fetch = make_fetch("nabcdef0000001", AT)
        response = RawResponse("https://finance.sina.com.cn/x/doc-inabcdef0000001.shtml", 200, (), data)
        result = parse_fetch(replace(fetch, response=response), MAX_BODY)
        if isinstance(result, Failure) and result.reason.startswith("reading it failed with"):
            raise AssertionError(result.reason)

    return Target(corpus, check)


def posts(folder: Path, until: ExitStack) -> Target:
    """Files of articles: what is written is read back. The values of an article are separated by 0xff."""
    inner = test_whatever_goes_in_loads_back.hypothesis.inner_test  # type: ignore[attr-defined]
    corpus = [
        b"\xff".join(text.encode() for text in ("题目", "正文<p>", "作者", "分类", "媒体", "词")),
        b"'\xff---\n\xff: #\xff{{\xff\\",
    ]
    corpus += [b"\xff".join(path.read_bytes().splitlines()) for path in (TESTS / "pages").glob("*.json")]

    def check(data: bytes) -> None:
        texts = [part.decode("utf-8", "surrogateescape") for part in data.split(b"\xff")] + [""] * 8
        body = re.sub(r"[^\n \x21-\x7e\xa0-\U0010ffff]", "", texts[1])
        article = Article(
            "nabcdef0000001", texts[0], texts[2], AT, body, texts[3] or None, AT, media=texts[4],
            keywords=(texts[5], texts[6]), editor=texts[7], pictures=(ArticleImage(texts[0], texts[5]),),
        )  # fmt: skip
        for profile in PROFILES:
            inner(article=article, categories=[texts[6], texts[3]], author=texts[4], profile=profile)

    return Target(corpus, check)


def queries(folder: Path, until: ExitStack) -> Target:
    """Search queries, executed on an index."""
    store = Store.open(folder / "index.db")
    until.callback(store.close)
    dice = random.Random(1)
    language = search.Language(dice)
    search.fill(store, language, dice, range(300))
    corpus = [query.encode() for _, query, _ in search.queries(language, dice)]
    corpus += [
        b"a AND (b OR NOT c)",
        b"since:2026-09-01 until:2026-09-30T09:30+08:00",
        b'"M2 *" tesl* media:"x"',
    ]

    def check(data: bytes) -> None:
        with suppress(QueryError):
            store.search.find(parse(data[:5_000].decode("utf-8", "surrogateescape")), 20)

    return Target(corpus, check)


def configuration(folder: Path, until: ExitStack) -> Target:
    """Files of settings."""
    documents = (TESTS.parent / "docs" / "configuration.md").read_text(encoding="utf-8")
    corpus = [sample_text().encode(), (TESTS.parent / "config" / "feeds.toml").read_bytes()]
    corpus += [re.sub(r"(?m)^    ", "", block).encode() for block in re.findall(r"(?:^    .*\n)+", documents, re.M)]

    def check(data: bytes) -> None:
        path = folder / "finarchive.toml"
        path.write_bytes(data)
        try:
            load(path, {}, lambda query: None)
        except ConfigError as error:
            str(error)

    return Target(corpus, check)


def journal(folder: Path, until: ExitStack) -> Target:
    """Files of the journal: read, understood, verified. An input is the file, or its records uncompressed."""
    with tarfile.open(TESTS / "fixtures" / "archive_v1.tar.gz") as tar:
        tar.extractall(folder, filter="data")
    root = next(path.parent for path in folder.rglob(".finarchive"))
    [path, *others] = warc_files(journal_path(root))
    for other in others:
        other.unlink()
    whole = path.read_bytes()

    def check(data: bytes) -> None:
        records = re.split(rb"(?<=\r\n\r\n)(?=WARC/1\.)", data) if data.startswith(b"WARC/") else []
        path.write_bytes(b"".join(map(gzip.compress, records)) or data)
        try:
            for part in parts(path.parent, 2**20):
                for _ in _parse_part(0, part, MAX_BODY, None):
                    pass
            for _ in events(path.parent):
                pass
            verify(root)
        except ArchiveError:
            pass

    return Target([whole, gzip.decompress(whole), gzip.decompress(whole)], check)


def control_socket(folder: Path, until: ExitStack) -> Target:
    """Requests to a running daemon."""
    site = until.enter_context(MockSite(make_stories(3, newest=NEWEST)))
    home = Home(folder)
    home.configure(site.endpoint, more='[schedule]\nmin = "1h"\nevery = "1h"\nmax = "1h"\n')
    daemon = until.enter_context(Running(home))
    requests = [
        {"command": "crawl", "feeds": ["feed1"], "limit": 3}, {"command": "retry", "parked": True},
        {"command": "backfill", "feed": "feed1", "start": "2026-09-28T00:00Z", "end": "2026-09-29T00:00Z"},
    ]  # fmt: skip
    corpus = [json.dumps(request).encode() for request in requests] + [b"[]", b"{}", b"\xff", b""]
    address = str(inner_path(home.root) / SOCKET_NAME)

    def check(data: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(address)
            answer = b""
            try:
                connection.sendall(data + b"\n")
                while more := connection.recv(65_536):
                    answer += more
            except ConnectionError:  # it is not obliged to read all of a request
                pass
        for line in answer.splitlines():
            json.loads(line)
        assert daemon.process.poll() is None, f"the daemon ended with {daemon.process.returncode}"
        bugs = [line for line in daemon.log if "Traceback" in line or "errand-failed" in line]
        assert not bugs, bugs

    return Target(corpus, check)


TARGETS: dict[str, Callable[[Path, ExitStack], Target]] = {
    "feeds": feeds, "lists": lists, "pages": pages, "posts": posts, "queries": queries,
    "configuration": configuration, "journal": journal, "socket": control_socket,
}  # fmt: skip
