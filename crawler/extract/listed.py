"""Articles whose text is in a list: the telegraph's items, and feeds with whole texts. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from archive.model.article import Article, PageFacts, TextSource
from archive.model.feed import Entry
from archive.model.symbols import symbols_of
from crawler.extract.article_fields import facts_of_body, feed_fields, symbol_fields
from crawler.extract.body import plain_text, render_body


def extract_from_listing(entry: Entry, at: datetime, *, clean: bool = False, note: str) -> Article:
    """Return an article whose text is in its listing entry.

    :param at: when the listing was read
    :param note: why the text is not the page's
    """
    body = render_body(entry.content or entry.listed_text or "", entry.url, clean=clean)
    # A listing has no furniture: a short item that reads like some is the item.
    body = replace(body, text=body.text or plain_text(body.html))
    return Article(
        docid=entry.docid,
        url=entry.url,
        title=entry.title,
        published=entry.published or entry.entered or at,
        body=body.html,
        image=body.image or entry.image,
        fetched_at=at,
        updated=entry.modified,
        media=entry.media,
        keywords=entry.keywords,
        **symbol_fields(entry.symbols),
        stock_names=entry.stock_names,
        page=PageFacts(symbols=symbols_of(entry.symbols)),
        **feed_fields(entry),
        text_from=TextSource.FEED,
        text_note=note,
        **facts_of_body(entry.title, body),
    )
