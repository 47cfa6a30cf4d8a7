"""Options, arguments and small functions that several commands share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.files.layout import index_path, inner_path
from archive.model.errors import QueryError
from cli.context import CommandContext, CommandError

if TYPE_CHECKING:
    from archive.store import Store

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")
as_of_option = click.option(
    "--as-of",
    metavar="TIME",
    help="Use only what the archive knew at this time, for example 2026-09-30T09:30+08:00.",
)


def print_json(document: Any) -> None:
    """Print a JSON document on one line."""
    click.echo(json.dumps(document, ensure_ascii=False))


def parse_time(text: str) -> datetime:
    """A time given on the command line: ISO 8601 with its zone.

    :raises CommandError: the text is not such a time
    """
    try:
        time = datetime.fromisoformat(text)
        # Outside these years a time may not exist in every zone. The sign of a zone after a date is read as a T.
        if time.year not in range(1970, 9999) or text[10:11] in ("+", "-"):
            raise ValueError
    except ValueError:
        raise CommandError(f"{text!r} is no time such as 2026-09-30T09:30+08:00") from None
    if time.tzinfo is None:
        moment = text if len(text) > len("2026-09-30") else f"{text}T00:00"
        raise CommandError(f"{text!r} needs its zone, such as {moment}+08:00")
    return time


@contextmanager
def wrap_query_errors(query: str) -> Iterator[None]:
    """Turn a query error into one for the user.

    :param query: as it was typed
    :raises CommandError: the query is not valid
    """
    try:
        yield
    except QueryError as error:
        raise CommandError(f"cannot search for {query!r}: {error}" if query else str(error)) from error


def open_store(context: CommandContext, *, warn: bool = False) -> Store:
    """The archive's index, opened for reading; an empty one if there is no archive.

    :param warn: say on stderr that there is no archive: the user may be in the wrong folder
    :raises ArchiveError: the index cannot be read
    """
    from archive.store import Store  # noqa: PLC0415 - commands without an archive start faster

    root = context.settings.archive.root.absolute()
    if warn and not index_path(root).exists():
        click.echo(f"There is no archive at {root} yet: finarchive crawl begins one.", err=True)
    return Store.open_for_reading(index_path(root))


def existing_root(context: CommandContext) -> Path:
    """The archive's folder, absolute.

    :raises CommandError: it holds no archive
    """
    root = context.settings.archive.root.absolute()
    if not (inner_path(root)).exists():
        raise CommandError(f"{root} holds no archive: there is no {inner_path(root)}")
    return root
