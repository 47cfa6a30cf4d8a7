"""What was given to ``export`` on the command line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from archive.export.formats import Folder, PartitionedFormat, Stream, TableFormat
from archive.export.registry import OUTPUTS
from archive.query.parser import And, FeedFilter, Or, Query, date_filter, parse, symbol_filter
from cli.context import CommandError
from cli.options import wrap_query_errors
from cli.times import parse_time


class ExportOptions(Struct, frozen=True):
    """Arguments and options, as they were given."""

    format: str
    query: tuple[str, ...]
    since: str | None
    until: str | None
    symbols: tuple[str, ...]
    feeds: tuple[str, ...]
    as_of: str | None
    limit: int | None
    versions: bool
    observed_since: str | None
    cursor_file: Path | None
    base_url: str | None
    output: Path | None

    def time(self, now: datetime) -> datetime | None:
        """The time of --as-of; None without it.

        :raises CommandError: it is no time
        """
        return parse_time(self.as_of, now) if self.as_of else None

    def with_folder(self) -> ExportOptions:
        """The same, with the first argument of a dataset as its folder, unless -o names one."""
        if not isinstance(OUTPUTS[self.format], PartitionedFormat) or self.output or not self.query:
            return self
        folder, *query = self.query
        return replace(self, output=Path(folder), query=tuple(query))

    def parsed(self, now: datetime) -> Query:
        """The query and the options as one query.

        :param now: what days such as 7d and today count from
        :raises CommandError: a part of it is not valid
        """
        text = " ".join(self.query)
        with wrap_query_errors(text):
            parts: list[Query] = [parse(text, now)] if self.query else []
            parts += [date_filter(self.since, self.until, now)]
            parts += [Or(tuple(map(symbol_filter, self.symbols)))] if self.symbols else []
            parts += [Or(tuple(map(FeedFilter, self.feeds)))] if self.feeds else []
        return And(tuple(parts))

    def query_text(self) -> str:
        """The same as text."""
        parts = list(self.query)
        parts += [f"since:{self.since}"] if self.since else []
        parts += [f"until:{self.until}"] if self.until else []
        for field, values in (("symbol", self.symbols), ("feed", self.feeds)):
            unique = sorted(set(values))
            alternatives = " OR ".join(f"{field}:{value}" for value in unique)
            parts += [f"({alternatives})" if len(unique) > 1 else alternatives] if unique else []
        return " ".join(parts)

    def newest(self) -> int | None:
        """How many of the newest articles to export; None for all.

        :raises CommandError: the format does not take that many
        """
        kind = OUTPUTS[self.format]
        if not isinstance(kind, Stream):
            return self.limit
        if self.limit and kind.max_limit and self.limit > kind.max_limit:
            raise CommandError(f"--limit is {self.limit}, and {kind.max_limit} are the most that {self.format} takes")
        return self.limit or kind.default_limit

    def _check_dataset(self) -> None:
        if self.output is None:
            raise CommandError("it is a folder: name it, as in finarchive export dataset DIR")
        for given, name in ((self.as_of, "--as-of"), (self.limit, "--limit")):
            if given:
                raise CommandError(f"a dataset has all articles at all times: leave out {name}")
        if self.observed_since or self.cursor_file:
            raise CommandError("a dataset has its cursor in its folder: leave out --observed-since and --cursor-file")

    def check(self) -> None:
        """Check which options are together.

        :raises CommandError: some do not fit
        """
        kind = OUTPUTS[self.format]
        if isinstance(kind, Folder) and self.output is None:
            raise CommandError("it is a folder of files: name the folder with -o")
        if isinstance(kind, PartitionedFormat):
            self._check_dataset()
            return
        if self.base_url and self.format != "atom":
            raise CommandError(f"--base-url is for atom, and this is {self.format}: leave it out")
        if not self.versions:
            if self.observed_since or self.cursor_file:
                raise CommandError("--observed-since and --cursor-file need --versions")
            return
        if not isinstance(kind, TableFormat):
            tables = ", ".join(name for name, each in OUTPUTS.items() if isinstance(each, TableFormat))
            raise CommandError(f"--versions is a table, which {self.format} is not: use one of {tables}")
        for given, name in ((self.as_of, "--as-of"), (self.limit, "--limit")):
            if given:
                raise CommandError(f"--versions has all articles at all times: leave out {name}, or --versions")
        if self.observed_since and self.cursor_file:
            raise CommandError("--observed-since and --cursor-file both name a cursor: leave out one of them")
