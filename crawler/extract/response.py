"""From a recorded fetch to its article, or why there is none. Pure, so stored fetches can be read again."""

from __future__ import annotations

import logging
import re
from datetime import datetime

from msgspec.structs import replace
from selectolax.lexbor import SelectolaxError

from archive.model.article import Article, Page
from archive.model.feed import Entry, Failure, FailureKind
from archive.model.fetch import Fetch, RawResponse
from crawler.errors import CodingError, ExtractionError, GoneError, MovedError, TooLargeError, TornError
from crawler.extract.article import extract
from crawler.extract.listed import extract_from_listing
from crawler.http.coding import ZLIB_CODINGS, codings_of, first_member, undo
from crawler.http.status import of_status, one_line
from crawler.urls import path

logger = logging.getLogger("finarchive")

# The last rule (Fetch.rule) that read the first member of a gzip stream only, and knew no pages that are cut.
LAST_OLD_RULE = 2
# A page with less than this share of the text in the feed is not the article's.
_FAR_LESS = 1 / 2
IN_THE_LIST = "the list has the whole text"
# The last rule by which an article without a time of publication has that of its fetch.
LAST_RULE_AHEAD = 3
# The last rule that does not know where other sites state their titles.
LAST_RULE_WITH_GENERAL_TITLES = 5
# Sites redirect requests for deleted articles to their front page, or that of a section.
_FRONT_PAGE = re.compile(r"/?(?:[a-z]+/?)?(?:index\.(?:s?html?|d\.html))?", re.IGNORECASE)


def parse_fetch(fetch: Fetch, max_bytes: int) -> Article | Failure:
    """Return the article of a fetch, or why there is none.

    :param max_bytes: maximum size of an unpacked page
    :raises MemoryError: the memory of this process does not suffice
    """
    entry = fetch.pending.entry
    try:
        parsed = _not_ahead(with_listed_text(_parse(fetch, entry, max_bytes), fetch), fetch)
        return _in_markdown(parsed) if fetch.rules.markdown else parsed
    except (MemoryError, SelectolaxError) as error:  # lexbor parses any text, if it has the memory
        raise MemoryError from error
    except Exception as error:  # a bug in code that only reads: it must not affect other articles
        logger.exception("bug docid=%s url=%s", entry.docid, entry.url)
        return Failure(entry.docid, FailureKind.UNREADABLE, f"reading it failed with {type(error).__name__}: {error}")


def _kind(error: TooLargeError | CodingError | ExtractionError) -> FailureKind:
    if isinstance(error, TornError):
        return FailureKind.TEMPORARY
    if isinstance(error, TooLargeError):
        return FailureKind.REFUSED
    return FailureKind.GONE if isinstance(error, GoneError) else FailureKind.UNREADABLE


def with_listed_text(parsed: Article | Failure, fetch: Fetch) -> Article | Failure:
    """Return what a fetch gave, with the text in the feed where it may stand for that of the page. See D220.

    A page with far less text than the feed is a form to log in, a human check or the frame of a script.
    """
    entry = fetch.pending.entry
    if not entry.listed_text or entry.is_excerpt or entry.content is not None or entry.withdrawn:
        return parsed
    note = f"the page cannot be used: {parsed.reason}" if isinstance(parsed, Failure) else ""
    listed = extract_from_listing(entry, fetch.at, clean=fetch.rules.clean, note=note)
    if not listed.text:
        return parsed
    if isinstance(parsed, Failure):
        return replace(parsed, listed=listed)
    if len(parsed.text) < len(listed.text) * _FAR_LESS:
        note = f"the page has {len(parsed.text)} characters of text, the feed {len(listed.text)}"
        return replace(listed, text_note=note)
    return parsed


def _not_ahead(parsed: Article | Failure, fetch: Fetch) -> Article | Failure:
    """Return an article of another site with a time of publication that is not later than its first sight."""
    if not fetch.pending.entry.foreign or fetch.rule <= LAST_RULE_AHEAD:
        return parsed
    article = parsed.listed if isinstance(parsed, Failure) else parsed
    if article is None or article.published <= fetch.pending.first_seen:
        return parsed
    article = replace(article, published=fetch.pending.first_seen)
    return replace(parsed, listed=article) if isinstance(parsed, Failure) else article


def _in_markdown(parsed: Article | Failure) -> Article | Failure:
    from crawler.markup.markdown import to_markdown  # noqa: PLC0415 - few archives need it; it takes a tenth of a second

    if isinstance(parsed, Article):
        return replace(parsed, body=to_markdown(parsed.body))
    return (
        replace(parsed, listed=replace(parsed.listed, body=to_markdown(parsed.listed.body)))
        if parsed.listed
        else parsed
    )


def _parse(fetch: Fetch, entry: Entry, max_bytes: int) -> Article | Failure:
    if fetch.failure:
        return fetch.failure
    try:
        return _parse_response(fetch, entry, max_bytes)
    except (TooLargeError, CodingError, ExtractionError) as error:
        return Failure(entry.docid, _kind(error), one_line(str(error)))


def _parse_response(fetch: Fetch, entry: Entry, max_bytes: int) -> Article | Failure:
    response = fetch.response
    if entry.withdrawn:
        return Failure(entry.docid, FailureKind.GONE, "the listing says that it was deleted")
    if entry.content is not None:
        return extract_from_listing(entry, fetch.at, clean=fetch.rules.clean, note=IN_THE_LIST)
    if fetch.confirmed:
        raise ExtractionError("its page was removed, because it only confirmed a version, which is lost")
    if response is None:
        raise ExtractionError("no page was requested, and the listing contains no text")
    if failure := of_status(response.status, entry.docid, header(response, "location")):
        return failure
    if response.url != entry.url and _redirects_to_front_page(entry.url, response.url):
        return Failure(entry.docid, FailureKind.GONE, f"a redirect to a front page, {one_line(response.url)[:200]}")
    is_old = fetch.rule <= LAST_OLD_RULE
    page = page_of(response, fetch.at, max_bytes, first_member_only=is_old)
    if is_old and not response.stated_length and not is_complete_page(page.body):
        return Failure(entry.docid, FailureKind.TEMPORARY, "the page ends in the middle")
    result = _extract(page, entry, fetch)
    return replace(result, is_cut=True) if not is_old and _is_cut(page.body, response) else result


def _extract(page: Page, entry: Entry, fetch: Fetch) -> Article | Failure:
    try:
        return extract(
            page,
            entry,
            clean=fetch.rules.clean,
            check_identity=fetch.rule > 1,
            title_by_site=fetch.rule > LAST_RULE_WITH_GENERAL_TITLES,
        )
    except MovedError as error:
        return Failure(entry.docid, FailureKind.GONE, one_line(str(error)), moved_to=error.docid)
    except ExtractionError as error:
        return Failure(entry.docid, _kind(error), one_line(str(error)))


def _is_cut(body: bytes, response: RawResponse) -> bool:
    """Return whether a page ends before its end tag. With a declared length, only one with <html> must have it."""
    if not response.stated_length:
        return not is_complete_page(body)
    lower = body.lower()
    return b"<html" in lower and b"</html" not in lower


def is_complete_page(body: bytes) -> bool:
    """Return whether a page without a declared length is complete, judging by its end."""
    return b"</html" in body[-4096:].lower()  # trackers and comments may follow


def page_of(response: RawResponse, fetched_at: datetime, max_bytes: int, *, first_member_only: bool = False) -> Page:
    """Return a response's page, with the content coding undone.

    :param max_bytes: maximum size of the unpacked page
    :param first_member_only: as older rules read a page: one coding, and of gzip the first member, even if it is torn
    :raises TooLargeError: it unpacks to more
    :raises CodingError: its content coding cannot be undone
    """
    page = Page(response.url, response.body, header(response, "content-type"), fetched_at)
    codings = codings_of(response.headers)
    if first_member_only:
        known = header(response, "content-encoding").strip().lower() in ZLIB_CODINGS and response.body
        return replace(page, body=first_member(response.body, max_bytes)) if known else page
    return replace(page, body=undo(response.body, codings, max_bytes)) if codings else page


def _redirects_to_front_page(requested: str, final: str) -> bool:
    before, after = path(requested), path(final)
    return before != after and bool(_FRONT_PAGE.fullmatch(after)) and not _FRONT_PAGE.fullmatch(before)


def header(response: RawResponse, name: str) -> str:
    """Return a header of a response; "" if it has none.

    :param name: in lower case
    """
    return next((value for key, value in response.headers if key.lower() == name), "")
