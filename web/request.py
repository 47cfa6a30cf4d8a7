"""Arguments and results of views: the request, the site's context, a page or a file. Frozen records."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from msgspec import Struct, field

from archive.diff.revisions import Difference
from archive.files.paths import CHINA
from archive.model.article import Revision
from archive.model.errors import QueryError
from archive.model.fetch import RawResponse
from archive.query.dates import parse_time
from archive.union.store import AnyStore
from web.feed_status import FeedStatus
from web.rendering.language import gettext as _


class WebError(Exception):
    """A request that cannot be served; the message is text for the page."""

    status = 500  # the HTTP status of the response


class NotFoundError(WebError):
    """There is no such page; the message says what is missing."""

    status = 404


class BadRequestError(WebError):
    """An argument of the request is invalid; the message says why."""

    status = 400


_SPACE_FOR_PLUS = re.compile(r"(T\S+) (\d\d:?\d\d)$")


class SiteContext(Struct, frozen=True):
    """The context of views, beside the index."""

    images: bool  # show stored images
    now: Callable[[], datetime]
    feed_statuses: Callable[[AnyStore, datetime], Sequence[FeedStatus]]  # the status of each feed at a time
    plain_text: Callable[[str], str]  # converts an article's HTML to text
    decode_body: Callable[[RawResponse], bytes]  # undoes the content coding of a response; ValueError: it cannot
    # Returns the JSON document of an article as of a time (None: now); None: it is not known.
    article_document: Callable[[AnyStore, str, datetime | None], Any]
    # Returns the JSON document of a comparison: path, old version, new version, difference.
    difference_document: Callable[[str, Revision | None, Revision, Difference | None], Any]
    # Returns the docid of the article that a text names, or None; QueryError: it is an address of none.
    named_docid: Callable[[AnyStore, str], str | None] = lambda store, text: None
    feeds: Mapping[str, str] = field(default_factory=dict)  # names of the configured feeds, by id
    names: tuple[str, ...] = ()  # host names of the site beside localhost and 127.0.0.1


class Request(Struct, frozen=True):
    """The parts of a request that views use."""

    path: Mapping[str, str]  # named parts of the URL path, decoded
    args: Mapping[str, str]  # arguments of the query string, the first of each name
    now: datetime
    origin: str = ""  # scheme and host of the site, as the client addressed it

    @property
    def as_of(self) -> datetime | None:
        """The time of the argument ``as_of``; None: there is none, the page shows the present.

        :raises BadRequestError: the argument is not a time
        """
        text = self.args.get("as_of", "").strip()
        if not text:
            return None
        try:
            # A plus sign typed into a URL arrives as a space.
            time = datetime.fromisoformat(_SPACE_FOR_PLUS.sub(r"\1+\2", text))
            # The browser's date field sends no time zone; it means China's time.
            return parse_time((time if time.tzinfo else time.replace(tzinfo=CHINA)).isoformat(), self.now)
        except (ValueError, OverflowError, QueryError):
            message = _("%(text)r 不是时间；请写成 2026-09-30T09:30（北京时间）")
            raise BadRequestError(message % {"text": text}) from None

    @property
    def time(self) -> datetime:
        """The time after which observations are ignored: ``as_of``, or the latest possible time."""
        return self.as_of or datetime.max.replace(tzinfo=UTC)

    @property
    def place(self) -> tuple[datetime, str] | None:
        """The publication time and the docid of the argument ``before``; None: there is none.

        :raises BadRequestError: the argument is not such a place
        """
        text = self.args.get("before", "")
        if not text:
            return None
        time, separator, docid = text.partition("_")
        try:
            published = datetime.fromisoformat(time)
            if not (separator and docid) or published.tzinfo is None:
                raise ValueError
            return published.astimezone(UTC), docid
        except (ValueError, OverflowError):
            raise BadRequestError(_("before 不是列表中的位置：%(text)r") % {"text": text[:60]}) from None

    def number(self, name: str, default: int, maximum: int) -> int:
        """Return the argument ``name`` as an integer from 1 to ``maximum``, or ``default`` if it is missing.

        :raises BadRequestError: it is not such an integer
        """
        text = self.args.get(name, "") or str(default)
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= maximum):
            raise BadRequestError(
                _("%(name)s 应为 1 至 %(maximum)s 的整数，而不是 %(text)r")
                % {"name": name, "maximum": maximum, "text": text}
            )
        return int(text)


class HtmlPage(Struct, frozen=True):
    """A page to be rendered by a template."""

    template: str
    context: dict[str, Any]
    status: int = 200


class File(Struct, frozen=True):
    """A response of bytes."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_of_all(self) -> bool:
        """Whether it is made of all archives: a document or a feed, and no bytes that one of them has."""
        return self.content_type.startswith(("application/json", "application/atom+xml"))


class Redirect(Struct, frozen=True):
    """Another page is meant."""

    address: str
    headers: Mapping[str, str] = field(default_factory=dict)


View: TypeAlias = Callable[[Request, AnyStore, SiteContext], HtmlPage | File | Redirect]
