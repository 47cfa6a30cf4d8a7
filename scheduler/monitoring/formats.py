"""With which settings files are written now, and how many were written with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.model.feed import Filing
from archive.model.formatting import Formatting

if TYPE_CHECKING:
    from archive.store import Store
    from config.model import Settings


def formatting_of(settings: Settings) -> Formatting:
    """Return the configured settings for files. Feeds that are off count: their articles stay in the archive."""
    return Formatting(
        settings.archive.profile,
        settings.archive.body,
        {feed.id: Filing(feed.categories, feed.author_name) for feed in settings.feeds},
        settings.archive.images == "local",
    )


def versions_written_otherwise(store: Store, settings: Settings) -> int:
    """Return the number of versions whose files were written with other settings than the configured ones.

    Versions of which the index does not know it, because an earlier program wrote them, do not count.
    """
    formatting = formatting_of(settings)
    return store.articles.count_in_formats([each for each in store.articles.formats() if not formatting.is_of(each)])
