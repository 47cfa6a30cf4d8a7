"""``rebuild --as-configured``: a changed profile, body or category is applied to what is archived, and stays so."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from archive.archive import Archive
from archive.integrity.seal import seal
from archive.journal.formatted import dump_formatted, load_formatted
from archive.model.feed import Filing
from archive.model.formatting import Formatting, written_with
from mocksite.server import MockSite
from pipeline.reformat import record_formatting
from tests.conftest import Home
from tests.pipeline.test_rebuild import index, lived, lose, mocksite, run, tree  # noqa: F401 - fixtures
from tests.support.fetches import make_fetch

# Not of the day of the crawl, also when a test runs over midnight.
LATER = datetime.now(UTC) + timedelta(days=2)
NEW = Formatting("hugo", "markdown", {"feed1": Filing(("新", "类"), "某")})


def test_settings_in_the_journal_load_as_they_were() -> None:
    document = json.loads(json.dumps(dump_formatted(NEW)))
    assert load_formatted(document) == NEW
    for wrong in ({**document, "body": "pretty"}, {**document, "filings": {"a": {"categories": "x"}}}, {}, []):
        with pytest.raises(ValueError):  # noqa: PT011 - any message
            load_formatted(wrong)


def test_a_fetch_gets_the_settings_and_a_path_of_its_own_only_if_its_categories_stay() -> None:
    before = make_fetch("a", datetime(2026, 9, 29, tzinfo=UTC))
    before = replace(before, pending=replace(before.pending, path="a/b/x.md"))
    known = Formatting("extended", "clean", {before.feed: before.filing})
    assert known.applied_to(before).pending == before.pending
    moved = Formatting("extended", "clean", {before.feed: Filing(("x",), "y")}).applied_to(before)
    assert (moved.filing, moved.pending.path) == (Filing(("x",), "y"), None)
    assert (moved.rules.profile, moved.rules.clean, moved.rules.markdown) == ("extended", True, False)
    assert NEW.applied_to(before).filing == before.filing, "of a feed that is not configured"
    assert not NEW.is_of(written_with(before))
    assert NEW.is_of(written_with(NEW.applied_to(before)))


def configure(home: Home, mocksite: MockSite, archive: str, category: str) -> None:  # noqa: F811
    """Another profile, body or category for the feed of the archive."""
    home.configure(mocksite.endpoint, more=f"[archive]\n{archive}\n")
    text = home.config.read_text(encoding="utf-8").replace('"栏目1"', f'"{category}"')
    home.config.write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_all_files_are_written_as_configured_and_later_rebuilds_agree(lived: Home, mocksite: MockSite) -> None:  # noqa: F811
    before = tree(lived)
    assert lived.run("status", "--json").json["written_otherwise"] == 0
    configure(lived, mocksite, 'profile = "hugo"\nbody = "markdown"\nimages = true', "别处")
    mixed = lived.run("status", "--json").json["written_otherwise"]
    assert mixed == len(before)
    assert "rebuild --as-configured" in run(lived, "status")

    dry = json.loads(run(lived, "rebuild", "--as-configured", "--dry-run", "--json"))
    assert (len(dry["made"]), len(dry["removed"]), tree(lived)) == (len(before), len(before), before)
    assert run(lived, "rebuild", "--dry-run").endswith("Nothing differs from the existing files and index.\n")

    run(lived, "rebuild", "--as-configured")
    after = tree(lived)
    assert len(after) == len(before)
    assert all("别处" in path for path in after)
    assert all(data.startswith(b"---\ntitle") and b"<div>" not in data for data in after.values())
    assert not list(lived.root.rglob("栏目1")), "empty folders are gone"
    assert lived.run("status", "--json").json["written_otherwise"] == 0
    assert run(lived, "verify", "--deep")

    rows = index(lived)
    assert "Nothing differs" in run(lived, "rebuild")
    assert "Nothing differs" in run(lived, "rebuild", "--as-configured")
    lose(lived)
    run(lived, "rebuild")
    assert (tree(lived), index(lived)) == (after, rows)
    assert lived.run("crawl", "--json").json["archived"] == 0


@pytest.mark.slow
def test_what_is_archived_afterwards_has_the_settings_of_its_time(lived: Home, mocksite: MockSite) -> None:  # noqa: F811
    configure(lived, mocksite, 'profile = "hugo"', "别处")
    run(lived, "rebuild", "--as-configured")
    configure(lived, mocksite, 'profile = "extended"', "三")
    site = mocksite.site
    site.edit(site.stories[2].docid, mocksite.clock + 60, body="<p>又一段新的正文。</p>")
    mocksite.clock += 3000
    lived.run("crawl")
    files, rows = tree(lived), index(lived)
    assert any(data.startswith(b"---\ntitle") and b"\nheadimg" in data for data in files.values())
    assert "Nothing differs" in run(lived, "rebuild", "--dry-run")
    lose(lived)
    run(lived, "rebuild")
    assert (tree(lived), index(lived)) == (files, rows)


@pytest.mark.slow
def test_manifests_of_before_stay_valid(lived: Home, mocksite: MockSite) -> None:  # noqa: F811
    with Archive(lived.root, "test", LATER) as archive:
        assert seal(archive.root, archive.store, LATER)
    configure(lived, mocksite, 'profile = "hugo"', "别处")
    run(lived, "rebuild", "--as-configured")
    run(lived, "verify")
    with Archive(lived.root, "test", LATER) as archive:
        assert seal(archive.root, archive.store, LATER + timedelta(days=1)), "the new files are sealed too"
    run(lived, "verify", "--deep")
    lived.execute("DELETE FROM revisions WHERE number = 1 AND docid = (SELECT min(docid) FROM revisions)")
    assert lived.run("verify").status == 4, "a version that is lost is still missed"


@pytest.mark.slow
def test_a_kill_before_the_files_are_placed_is_completed_by_a_rebuild(lived: Home, mocksite: MockSite) -> None:  # noqa: F811
    before = tree(lived)
    inner = lived.root / ".finarchive"
    shutil.copy(inner / "index.db", lived.folder / "new.db")
    settings = Formatting("hugo", "markdown", {"feed1": Filing(("新", "类"), "某")})
    record_formatting(lived.root, lived.folder / "new.db", settings, LATER)
    lived.run("crawl")
    assert tree(lived) == before
    run(lived, "verify")
    run(lived, "rebuild")
    assert all(path.removeprefix(".finarchive/history/").startswith("新/类/") for path in tree(lived))
    run(lived, "verify", "--deep")


@pytest.mark.slow
def test_a_damaged_file_is_repaired_with_the_settings_in_force(lived: Home, mocksite: MockSite) -> None:  # noqa: F811
    configure(lived, mocksite, 'profile = "hugo"\nbody = "markdown"', "栏目1")
    run(lived, "rebuild", "--as-configured")
    files = tree(lived)
    lived.files()[0].write_text("x", encoding="utf-8")
    assert lived.run("verify").status == 4
    run(lived, "verify", "--repair")
    assert {path: data for path, data in tree(lived).items() if "quarantine" not in path} == files
