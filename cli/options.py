"""Options and arguments that several commands share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.files.layout import index_path, inner_path
from archive.store import Store
from cli.context import CommandContext, CommandError

if TYPE_CHECKING:
    pass
from collections.abc import Iterator
from contextlib import contextmanager

from archive.model.errors import QueryError

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout."
)


def open_index_if_any(context: CommandContext) -> Store:
    return Store.open_for_reading(index_path(context.settings.archive.root))


def aware_time(text: str) -> datetime:
    """A moment as given on the command line: ISO 8601, with its zone."""
    try:
        time = datetime.fromisoformat(text)
        # Others have no time in every zone; and the sign of a zone, behind a day, is taken for a T.
        if time.year not in range(1970, 9999) or text[10:11] in ("+", "-"):
            raise ValueError
    except ValueError:
        raise CommandError(f"{text!r} is no time such as 2026-09-30T09:30+08:00") from None
    if time.tzinfo is None:
        moment = text if len(text) > len("2026-09-30") else f"{text}T00:00"
        raise CommandError(f"{text!r} needs its zone, such as {moment}+08:00")
    return time


def archive_root(root: Path) -> Path:
    """The folder of an archive, absolute.

    :raises Refusal: there is none
    """
    root = root.absolute()
    if not (inner_path(root)).exists():
        raise CommandError(f"{root} holds no archive: there is no {inner_path(root)}")
    return root


AS_OF = "As the archive knew it then, and nothing of later, such as 2026-09-30T09:30+08:00."


@contextmanager
def asked(query: str) -> Iterator[None]:
    """Around the understanding of what somebody typed.

    :raises Refusal: it cannot be understood
    """
    try:
        yield
    except QueryError as error:
        raise CommandError(f"cannot search for {query!r}: {error}" if query else str(error)) from error


def reading(context: CommandContext) -> Store:
    """The index of the archive, to be read; where there is none, somebody may look in the wrong place."""
    root = context.settings.archive.root.absolute()
    if not (index := index_path(root)).exists():
        click.echo(f"There is no archive at {root} yet: finarchive crawl begins one.", err=True)
    return Store.open_for_reading(index)
