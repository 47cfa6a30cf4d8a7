"""What a page is asked for, what it is made from, and what it answers with. Frozen records."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from archive.files.paths import CHINA
from archive.model.errors import QueryError
from archive.model.fetch import RawResponse
from archive.query.parser import parse_time
from archive.store import Store
from web.feed_status import FeedStatus


class NotFoundError(Exception):
    """There is no such page; the message says of what."""

    status = 404


class BadRequestError(Exception):
    """What was asked cannot be understood; the message says why."""

    status = 400


_SPACE_FOR_PLUS = re.compile(r"(T\S+) (\d\d:?\d\d)$")


@dataclass(frozen=True, slots=True)
class SiteContext:
    """What pages are made from, beside the index."""

    root: Path  # of the archive
    images: bool  # show pictures that are kept
    now: Callable[[], datetime]
    standings: Callable[[Store, datetime], Sequence[FeedStatus]]  # how each feed is doing
    plain_text: Callable[[str], str]  # of an article's HTML
    unpacked: Callable[
        [RawResponse], bytes
    ]  # an answer's body with the content coding undone; ValueError: it cannot be


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as far as pages need it."""

    path: Mapping[str, str]  # parts of the path, by name
    args: Mapping[str, str]  # of the query string, the first of each name
    now: datetime

    @property
    def as_of(self) -> datetime | None:
        """As of when; None: now.

        :raises UnclearError: it is no time
        """
        text = self.args.get("as_of", "").strip()
        if not text:
            return None
        try:
            # A plus sign that is typed into an address comes as a space.
            time = datetime.fromisoformat(_SPACE_FOR_PLUS.sub(r"\1+\2", text))
            # What a browser's field gives has no zone: readers are in China's.
            return parse_time((time if time.tzinfo else time.replace(tzinfo=CHINA)).isoformat())
        except (ValueError, OverflowError, QueryError):
            raise BadRequestError(f"{text!r} 不是时间；请写成 2026-09-30T09:30（北京时间）") from None

    @property
    def time(self) -> datetime:
        """What was observed later does not count."""
        return self.as_of or datetime.max.replace(tzinfo=UTC)

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 on.

        :raises UnclearError: it is none
        """
        text = self.args.get(name, "") or str(default)
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
            raise BadRequestError(f"{name} 应为 1 至 {most} 的整数，而不是 {text!r}")
        return int(text)


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """A page, made by a template."""

    template: str
    context: dict[str, Any]
    status: int = 200


@dataclass(frozen=True, slots=True)
class File:
    """Bytes."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


View: TypeAlias = Callable[[Request, Store, SiteContext], HtmlPage | File]
