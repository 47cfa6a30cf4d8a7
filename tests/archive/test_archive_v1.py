"""An archive of format version 1 that an earlier program made opens, verifies, and is rebuilt to the same bytes."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from archive.store import Store
from tests.conftest import Home
from tests.pipeline.test_rebuild import TABLES, index, vocabulary

pytestmark = pytest.mark.slow  # each test runs several processes

PACKED = Path(__file__).parents[1] / "fixtures" / "archive_v1.tar.gz"
STATE = ("alerts", "manifests")  # tables that the journal does not hold
# Later migrations add the others.
LATER_TABLES = (
    "moves", "stated", "facts", "unlisted", "settled", "lateness", "stock_names", "listing_counts", "containments",
    "unconfirmed", "misses",
)  # fmt: skip
OLD_TABLES = tuple(table for table in TABLES if table not in LATER_TABLES)
# Columns that they add to these tables; they are empty of what is older, and `shown` follows from `ground`.
NEW_COLUMNS = {"feeds": 2, "gaps": 2, "listings": 1, "entries": 11, "revisions": 10}


@pytest.fixture
def old(home: Home) -> Home:
    """A copy of the archive."""
    with tarfile.open(PACKED) as packed:
        packed.extractall(home.folder, filter="data")
    return home


def files(home: Home) -> dict[str, str]:
    """The digest of every file but the index and the lock."""
    return {
        path.relative_to(home.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.root.rglob("*"))
        if path.is_file() and not path.name.startswith(("index.db", "lock"))
    }


def without_rules(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows without the fingerprints of versions and stories, which a newer rule replaces."""
    digest = re.compile("(?:[0-9]:)?[0-9a-f]{32}")
    revisions = [tuple(value for value in row if not digest.fullmatch(str(value))) for row in rows["revisions"]]
    return rows | {"revisions": sorted(revisions, key=repr)}


def test_it_contains_one_document_of_each_kind(old: Home) -> None:
    names = files(old)
    for folder in ("warc", "history", "images", "manifests"):
        assert any(name.startswith(f".finarchive/{folder}/") for name in names), folder
    for table in (*TABLES[:4], "observations", "changes", "images", "gaps", "spans", "sources", *STATE):
        assert old.rows(f"SELECT count(*) FROM {table}") > [(0,)], table
    outcomes = {row[0] for row in old.rows("SELECT outcome FROM observations")}
    assert outcomes >= {"first", "revised", "gone", "failed"}


def test_it_opens(old: Home) -> None:
    done = old.run("status", "--json")
    assert done.status == 0, done.err
    assert [gap["feed"] for gap in done.json["gaps"]] == ["feed2"]
    found = old.run("search", "--json", "新标题")
    assert found.status == 0, found.err
    assert "nreplica0000000" in found.out


def test_it_verifies(old: Home) -> None:
    done = old.run("verify", "--deep", "--json")
    assert (done.status, done.json["problems"], done.json["unproven"]) == (0, [], 0), done.err


def test_it_is_rebuilt_to_the_same_bytes_and_rows(old: Home) -> None:
    names, rows, words = files(old), index(old, (*OLD_TABLES, *STATE)), vocabulary(old)
    document = json.loads(old.run("rebuild", "--json", "--dry-run").out)
    assert (document["made"], document["changed"], document["unknown"]) == ([], [], [])
    changed = document["rows"]
    assert changed.pop("stock_names") > 0, "which no older program recorded"
    assert changed == {"revisions": 2 * len(rows["revisions"])}, "their fingerprints, by today's rule"

    done = old.run("rebuild", "--json")

    assert done.status == 0, done.err
    assert files(old) == names
    rebuilt = index(old, (*OLD_TABLES, *STATE))
    for table, number in NEW_COLUMNS.items():
        rebuilt[table] = sorted((row[:-number] for row in rebuilt[table]), key=repr)
    assert without_rules(rebuilt) == without_rules(rows)
    assert old.rows("SELECT DISTINCT substr(fingerprint, 1, 2) FROM revisions") == [("3:",)]
    assert vocabulary(old) == words


def test_after_an_upgrade_it_still_follows_from_its_journal(old: Home) -> None:
    """Its fetches are decided by the rule of their time, so the new tables say nothing of them."""
    Store.open(old.root / ".finarchive" / "index.db").close()
    names, rows = files(old), index(old)
    assert [rows[table] for table in ("moves", "stated", "facts", "stock_names")] == [[], [], [], []]
    assert old.run("verify", "--deep", "--json").json["problems"] == []
    rules = {"revisions": 2 * len(rows["revisions"])}  # their fingerprints, by today's rule
    changed = old.run("rebuild", "--json").json["rows"]
    assert files(old) == names
    after = index(old)
    printed = after.pop("stock_names")  # no older program recorded them
    assert rows.pop("stock_names") == []
    assert changed == rules | {"stock_names": len(printed)}
    assert {row[3] for row in printed} >= {"贵州茅台", "微软"}
    for each in (rows, after):  # the last columns have the settings of files and whether names are recorded
        each["revisions"] = [row[:-2] for row in each["revisions"]]
    assert without_rules(after) == without_rules(rows)
