"""The settings by which files of articles are written. Frozen records."""

from __future__ import annotations

import json
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from archive.model.feed import Filing
from archive.model.fetch import ArchiveRules, Fetch

_LOCAL_IMAGES = ", local images"  # after the body, in what the index records


class Formatting(Struct, frozen=True):
    """Settings for the files of all articles that were fetched before; see `rebuild --as-configured`."""

    profile: str  # archive.profile
    body: str  # archive.body: faithful, clean or markdown
    filings: Mapping[str, Filing]  # id of each configured feed -> how its articles are filed
    local_images: bool = False  # archive.images is "local"

    def applied_to(self, fetch: Fetch) -> Fetch:
        """Return a fetch with these settings in place of those of its time."""
        rules = replace(
            fetch.rules,
            profile=self.profile,
            clean=self.body != "faithful",
            markdown=self.body == "markdown",
            local_images=self.local_images and fetch.rules.images,  # other images were never fetched
        )
        filing = self.filings.get(fetch.feed, fetch.filing)
        # The path was reserved with the former categories.
        pending = fetch.pending if filing == fetch.filing else replace(fetch.pending, path=None)
        return replace(fetch, rules=rules, filing=filing, pending=pending)

    def is_of(self, written: str) -> bool:
        """Return whether a file was written with these settings.

        :param written: what :func:`written_with` returned for it
        """
        profile, body, feed, author, *categories = json.loads(written)
        filing = Filing(tuple(categories), author)
        # A file without local images may have none that is stored: then it is as configured.
        bodies = (self.body, self.body + _LOCAL_IMAGES) if self.local_images else (self.body,)
        return profile == self.profile and body in bodies and self.filings.get(feed, filing) == filing


def written_with(fetch: Fetch) -> str:
    """Return the settings by which the file of a fetch is written, as the index records them."""
    filing = fetch.filing
    body = body_of_rules(fetch.rules) + (_LOCAL_IMAGES if fetch.rules.local_images else "")
    values = [fetch.rules.profile, body, fetch.feed, filing.author, *filing.categories]
    return json.dumps(values, ensure_ascii=False)


def body_of_rules(rules: ArchiveRules) -> str:
    """Return the value of archive.body that rules are of."""
    return "markdown" if rules.markdown else "clean" if rules.clean else "faithful"
