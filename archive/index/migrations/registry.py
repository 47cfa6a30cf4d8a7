"""All migrations of the index, in the order in which they are applied."""

from __future__ import annotations

from archive.index.database import Migrations
from archive.index.migrations import (
    m001_entries_revisions_feeds,
    m002_the_ledger,
    m003_looks_and_versions,
    m004_validators_and_addresses,
    m005_images,
    m006_search,
    m007_alerts,
    m008_days,
    m009_enclosed_numbers,
    m010_settled_and_lost,
    m011_moves_and_facts,
    m012_other_sites,
    m013_moved_feeds,
    m014_forgotten,
    m015_formats,
    m016_stock_names,
    m017_changes,
    m018_compacted,
    m019_containments,
    m020_old_archives,
)

__all__ = ["migrations"]

# An index records the name of the set and the name of each function: neither may change.
migrations = Migrations("finarchive")

for _migration in (
    m001_entries_revisions_feeds.m001_entries_revisions_feeds,
    m002_the_ledger.m002_the_ledger,
    m003_looks_and_versions.m003_looks_and_versions,
    m004_validators_and_addresses.m004_validators_and_addresses,
    m005_images.m005_images,
    m006_search.m006_search,
    m007_alerts.m007_alerts,
    m008_days.m008_days,
    m009_enclosed_numbers.m009_enclosed_numbers,
    m010_settled_and_lost.m010_settled_and_lost,
    m011_moves_and_facts.m011_moves_and_facts,
    m012_other_sites.m012_other_sites,
    m013_moved_feeds.m013_moved_feeds,
    m014_forgotten.m014_forgotten,
    m015_formats.m015_formats,
    m016_stock_names.m016_stock_names,
    m017_changes.m017_changes,
    m018_compacted.m018_compacted,
    m019_containments.m019_containments,
    m020_old_archives.m020_old_archives,
):
    migrations()(_migration)
