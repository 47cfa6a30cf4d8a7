"""From the text of an RSS, RDF or Atom feed to feedparser's result, with the faults of feedparser corrected.

The text is decoded and repaired before feedparser reads it, because feedparser guesses charsets, and its parser for
broken XML changes texts.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import feedparser

from crawler.errors import ListingError
from crawler.listings.feed_root import ROOT, is_feed
from crawler.markup.xml_repair import repair_xml

_DECODED = "application/xml; charset=utf-8"  # with this type, feedparser takes the charset over that in the XML
_MAX_NAME_CHARS = 1000  # longer names are not searched for addresses
# feedparser compares each category with all others of its item. No item has as many as this.
_MAX_TAGS = 200
_OTHER_SUMMARY = "other_summary"  # the key of an item's second description
_MEDIA_DESCRIPTION = "media_description"
# Keys of feedparser's own that hold lists, dictionaries or times. An element of this name would put a text there, on
# which feedparser fails at the next element of the sort, for the whole feed.
_OWN_KEYS = (
    "authors", "links", "contributors", "enclosures", "author_detail", "publisher_detail", "title_detail",
    "summary_detail", "subtitle_detail", "rights_detail", "info_detail", "other_summary", "other_summary_detail",
    "published_parsed", "updated_parsed", "created_parsed", "expired_parsed", "guidislink",
)  # fmt: skip


def parse_feed(text: str, base: str) -> Any:
    """Return feedparser's result: a dictionary with ``version``, ``feed`` and ``entries``.

    An item's ``link`` and ``id`` are as stated, not resolved.

    :param text: the decoded body
    :param base: the address of the feed
    :raises ListingError: the text is not a feed
    """
    if not is_feed(text):  # feedparser would search a declaration that does not end in quadratic time
        raise ListingError("the answer is neither RSS nor Atom: it has no such element")
    # Always bytes: feedparser opens a str that looks like a path. No sanitizing: the article renderer does that.
    body = repair_xml(text, ROOT).encode("utf-8", "replace")
    try:
        parsed = feedparser.parse(
            BytesIO(body),
            response_headers={"content-type": _DECODED, "content-location": base},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:  # feedparser 6 has many, on markup that no feed should have
        raise ListingError(f"feedparser cannot read the answer ({type(error).__name__}: {error})") from error
    if not parsed.get("version") and not parsed.entries:
        reason = str(parsed.get("bozo_exception", ""))
        raise ListingError(f"the answer is neither RSS nor Atom{': ' + reason if reason else ''}")
    return parsed


# Private API of feedparser 6.0, to correct what it does not let its users choose.
_mixin = feedparser.mixin._FeedParserMixin
_search_address = _mixin._sync_author_detail
_add_tag = _mixin._add_tag
_start_description, _end_description = _mixin._start_description, _mixin._end_description
_start_summary, _end_summary = _mixin._start_summary, _mixin._end_summary


def _search_address_in_short_names(parser: Any, key: str = "author") -> None:
    """Search the name of an author for an address, which takes quadratic time."""
    if len(parser._get_context().get(key) or "") <= _MAX_NAME_CHARS:
        _search_address(parser, key)


def _add_one_of_few_tags(parser: Any, term: Any, scheme: Any, label: Any) -> None:
    if len(parser._get_context().get("tags", ())) < _MAX_TAGS:
        _add_tag(parser, term, scheme, label)


def _begin_description(parser: Any, attributes: dict[str, str]) -> None:
    _begin_summary(parser, attributes, _start_description)


def _begin_other_summary(parser: Any, attributes: dict[str, str]) -> None:
    _begin_summary(parser, attributes, _start_summary)


def _begin_summary(parser: Any, attributes: dict[str, str], begin_first: Any) -> None:
    """Begin a description. feedparser would return the second one of an item as its content."""
    if "summary_detail" in parser._get_context() and not parser.hasContent:
        parser._summaryKey = _OTHER_SUMMARY
        parser.push_content(_OTHER_SUMMARY, attributes, "text/html", 1)
    else:
        begin_first(parser, attributes)


def _end_of_description(parser: Any) -> None:
    _end_of_summary(parser, _end_description)


def _end_of_other_summary(parser: Any) -> None:
    _end_of_summary(parser, _end_summary)


def _end_of_summary(parser: Any, end_first: Any) -> None:
    if parser._summaryKey == _OTHER_SUMMARY:
        parser.pop_content(_OTHER_SUMMARY)
        parser._summaryKey = None
    else:
        end_first(parser)


def _begin_media_description(parser: Any, attributes: dict[str, str]) -> None:
    """Begin the description of a picture, which feedparser would return as the item's content."""
    del attributes
    parser.push(_MEDIA_DESCRIPTION, 1)


def _end_of_media_description(parser: Any) -> None:
    parser.pop(_MEDIA_DESCRIPTION)


def _ignore_elements(name: str) -> None:
    """Let feedparser ignore the elements of a name."""
    setattr(_mixin, f"_start_{name}", lambda parser, attributes: parser.push(name, 0))
    setattr(_mixin, f"_end_{name}", lambda parser: parser.pop(name))


for _key in _OWN_KEYS:
    _ignore_elements(_key)
_mixin._sync_author_detail = _search_address_in_short_names
_mixin._add_tag = _add_one_of_few_tags
_mixin._start_description, _mixin._end_description = _begin_description, _end_of_description
_mixin._start_summary, _mixin._end_summary = _begin_other_summary, _end_of_other_summary
_mixin._start_media_description, _mixin._end_media_description = _begin_media_description, _end_of_media_description
# A link such as "N/A" is none, but its resolved form looks like one; an id such as "12345" is no address.
_mixin.can_be_relative_uri = _mixin.can_be_relative_uri - {"link", "id"}
