"""Old pages that only confirmed a version are removed; a rebuild makes the same rows and files without them."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.filesize import decimal
from warcio.archiveiterator import ArchiveIterator

from archive.archive import Archive
from archive.integrity.takedown import forget_articles
from archive.integrity.verify import verify
from archive.journal.confirmed import dump_confirmed, load_confirmed
from archive.journal.journal import events
from archive.journal.warc import read_at, warc_files
from archive.model.article import PageFacts
from archive.model.fetch import Confirmation, Fetch, Outcome, RawResponse
from archive.store import Store
from config.model import ArchiveSettings, Settings
from pipeline.compact import CompactionResult, compact
from pipeline.deep_verify import verify_deep
from pipeline.rebuild import rebuild
from pipeline.recovery import recover
from scheduler.clock import Clock
from scheduler.crawl.context import DAEMON_POLICY, CrawlContext
from scheduler.daemon.compactor import Compactor
from tests.conftest import Home
from tests.pipeline.test_facts import page
from tests.support.fetches import make_fetch
from tests.support.killed_syncs import is_killed
from tests.support.parsers import PARSERS

DAY = datetime(2024, 9, 28, 4, tzinfo=UTC)
NOW = DAY + timedelta(days=800)
BEFORE = NOW - timedelta(days=730)
MAX_BODY = 8 << 20
CLOCK = Clock(lambda: NOW)


def fetch(docid: str, hours: float, body: str = "", status: int = 200, *, seed: int | None = None) -> Fetch:
    """A fetch that brings a page; its bytes are others at each time, unless a seed is given."""
    at = DAY + timedelta(hours=hours)
    made = make_fetch(docid, at, revision=int(hours > 0))
    noise = random.Random(f"{docid} {hours if seed is None else seed}").randbytes(9000).hex()
    html = f"{body}<!-- {noise} -->".encode() if body else b"404"
    entry = replace(made.pending.entry, published=DAY)
    pending = replace(made.pending, entry=entry, first_seen=DAY)
    headers = (("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(html))))
    return replace(made, pending=pending, response=RawResponse(entry.url, status, headers, html))


HISTORY = (
    fetch("a", 0, page(text="第一版。")),
    fetch("a", 1, page(text="第一版。")),  # removed
    fetch("a", 2, page(text="第一版。", media="乙社")),  # its facts changed
    fetch("a", 3, page(text="第一版。", media="乙社")),  # removed
    fetch("a", 4, page(text="第二版，更长的正文。", media="乙社")),
    fetch("a", 5, page(text="第二版，更长的正文。", media="")),  # removed: a layout without the medium
    fetch("a", 30, page(text="第二版，更长的正文。", media="乙社")),  # removed: another day
    fetch("b", 0, page(text="另一篇。")),
    fetch("b", 1, status=404),
    fetch("b", 2, page(text="另一篇。")),  # it came back
    fetch("b", 3, page(text="另一篇。"), seed=1),
    fetch("b", 4, page(text="另一篇。"), seed=1),  # the same body once more
    fetch("b", 24 * 75, page(text="另一篇。")),  # too young
)
REMOVED = {("a", 1.0), ("a", 3.0), ("a", 5.0), ("a", 30.0)}


def record(root: Path, fetches: Sequence[Fetch]) -> None:
    """Record fetches as live work does, and seal their days."""
    for each in sorted(fetches, key=lambda each: each.at):
        with Archive(root, "test", each.at) as archive:
            recover(archive, Settings(), each.at, PARSERS)
            archive.append_fetches([each], archive.store.articles.positions(_digests(each)))
    with Archive(root, "test", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)


def _digests(fetch: Fetch) -> list[str]:
    from archive.journal.warc_records import digest_of

    return [digest] if (digest := digest_of(fetch)) else []


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("compact") / "archive"
    record(root, HISTORY)
    assert verify(root).problems == ()
    return root


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "archive", symlinks=True))


def run(root: Path) -> CompactionResult:
    with Archive(root, "compact", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        return compact(archive, BEFORE, NOW, PARSERS, MAX_BODY)


def without_page(root: Path) -> set[tuple[str, float]]:
    """Docid and hour of the fetches whose page was removed."""
    found = [each.fetch for each in events(root / ".finarchive" / "warc") if each.fetch and each.fetch.confirmed]
    return {(each.pending.entry.docid, (each.at - DAY).total_seconds() / 3600) for each in found}


def bytes_on_disk(root: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in warc_files(root / ".finarchive" / "warc"))


def test_what_stays_of_a_page_loads_as_it_was() -> None:
    facts = PageFacts("题", DAY, None, "社", ("词",), ())
    before = replace(HISTORY[0], response=None, confirmed=Confirmation(200, "sha1:X", facts, ("sh600519",)))
    assert load_confirmed(dump_confirmed(before, before.confirmed or Confirmation(0, "", facts, ()))) == before
    with pytest.raises(ValueError, match="64 bits"):
        load_confirmed({**dump_confirmed(before, Confirmation(200, "x", facts, ())), "status": None})


def test_pages_that_only_confirmed_a_version_are_removed_and_all_others_stay(root: Path) -> None:
    old = warc_files(root / ".finarchive" / "warc")[:-1]  # the newest gets the tombstones
    sizes = {path: path.stat().st_size for path in old}
    before = bytes_on_disk(root)
    result = run(root)
    assert without_page(root) == REMOVED
    assert (result.pages, result.files) == (len(REMOVED), 2)
    assert {path: path.stat().st_size for path in sizes} == sizes, "no record moves"
    assert bytes_on_disk(root) <= before - result.freed + 4 * 8192
    assert result.freed > len(REMOVED) * 9000
    assert verify(root).problems == ()
    assert run(root).pages == 0


@pytest.mark.slow
def test_a_rebuild_without_them_makes_the_same_files_and_rows(root: Path) -> None:
    run(root)
    report, unproven = verify_deep(root, MAX_BODY, NOW)
    assert (report.problems, unproven) == ((), 0)
    dry = rebuild(root, MAX_BODY, NOW, dry_run=True)
    assert (dry.made, dry.changed, dry.unknown, dry.rows, dry.damaged) == ([], [], [], {}, [])
    (root / ".finarchive" / "index.db").unlink()
    made = rebuild(root, MAX_BODY, NOW)
    assert (made.made, made.changed, made.damaged) == ([], [], [])
    store = Store.open_for_reading(root / ".finarchive" / "index.db")
    outcomes = [each.outcome for each in store.stats.fetches("a", NOW)]
    store.close()
    assert sorted(outcomes) == sorted([Outcome.FIRST, Outcome.REVISED, *[Outcome.SAME] * 5])


def test_other_tools_read_the_file(root: Path) -> None:
    run(root)
    for path in warc_files(root / ".finarchive" / "warc"):
        with path.open("rb") as stream:
            for each in ArchiveIterator(stream, check_digests=True):
                each.content_stream().read()
                assert each.digest_checker.passed in (True, None)


def test_a_removed_page_can_be_archived_again(root: Path) -> None:
    """A body that was removed is no original any more: the next fetch with it keeps it."""
    run(root)
    again = replace(HISTORY[1], at=NOW)
    with Archive(root, "test", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        [position] = archive.append_fetches([again], archive.store.articles.positions(_digests(again)))
    assert position
    group = read_at(root / ".finarchive" / "warc", position)
    assert group
    assert group.response
    assert group.response.body == (HISTORY[1].response or group.response).body


def test_an_article_whose_pages_were_removed_can_be_forgotten(root: Path) -> None:
    run(root)
    with Archive(root, "forget", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        forget_articles(archive, archive.store.forgotten.plan(["a"], "test", NOW), NOW)
    assert without_page(root) == set()
    assert not any("第一版" in str(each) for each in events(root / ".finarchive" / "warc"))
    assert verify(root).problems == ()


def test_a_page_without_its_version_is_a_failure_and_does_not_stop_a_rebuild(root: Path) -> None:
    run(root)
    store = Store.open(root / ".finarchive" / "other.db")
    parsed = [each for each in events(root / ".finarchive" / "warc") if each.fetch and each.fetch.confirmed]
    from crawler.extract.response import parse_fetch
    from pipeline.commit import ParsedFetch, commit_batch

    each = parsed[0]
    assert each.fetch
    [decision] = commit_batch(
        store, [ParsedFetch(each.fetch, parse_fetch(each.fetch, MAX_BODY), None, each.position)], lambda posts: None
    )
    store.close()
    assert decision.outcome is Outcome.FAILED
    assert "only confirmed a version" in decision.evidence


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing(root: Path, tmp_path: Path) -> None:
    for nth in range(1, 100):
        copy = Path(shutil.copytree(root, tmp_path / f"copy{nth}", symlinks=True))
        killed = is_killed(partial(run, copy), nth)
        report, _ = verify_deep(copy, MAX_BODY, NOW)
        assert report.problems == (), nth
        run(copy)
        assert without_page(copy) == REMOVED
        assert verify(copy).problems == ()
        shutil.rmtree(copy)
        if not killed:
            assert nth > 4
            return
    raise AssertionError("it never ended")


def context(archive: Archive, keep: timedelta | None) -> CrawlContext:
    settings = Settings(archive=ArchiveSettings(root=archive.root, raw_keep=keep))
    return CrawlContext(archive, settings, CLOCK, DAEMON_POLICY, PARSERS)


@pytest.mark.parametrize(("keep", "removed"), [(timedelta(days=730), REMOVED), (None, set())])
def test_the_daemon_does_the_same(root: Path, keep: timedelta | None, removed: set[tuple[str, float]]) -> None:
    with Archive(root, "run", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        compactor = Compactor(context(archive, keep), CLOCK)
        asyncio.run(compactor.compact())
        assert without_page(root) == set(), "fetches that are on their way may refer to these pages"
        asyncio.run(compactor.compact())
    assert without_page(root) == removed
    assert verify(root).problems == ()


@pytest.mark.parametrize("is_known", [False, True])
def test_a_page_that_is_fetched_again_while_the_daemon_removes_it_is_not_lost(root: Path, *, is_known: bool) -> None:
    again = replace(HISTORY[1], at=NOW)
    with Archive(root, "run", NOW) as archive:
        recover(archive, Settings(), NOW, PARSERS)
        if is_known:  # from a fetch of this run
            archive.append_fetches([again], archive.store.articles.positions(_digests(again)))
        compactor = Compactor(context(archive, timedelta(days=730)), CLOCK)
        asyncio.run(compactor.compact())
        bodies = archive.store.articles.positions(_digests(again))
        [position] = archive.append_fetches([replace(again, at=NOW + timedelta(seconds=1))], bodies)
        asyncio.run(compactor.compact())
    assert position
    group = read_at(root / ".finarchive" / "warc", position)
    assert group
    assert group.response


@pytest.mark.slow
def test_the_command_says_what_it_removed(root: Path, home: Home) -> None:
    age = f"{(datetime.now(UTC) - BEFORE).days}d"
    dry = home.run("compact", "--root", str(root), "--older-than", age, "--dry-run", "--json").json
    freed = decimal(dry["freed"])
    for arguments, told in (
        (("--dry-run", "--older-than", age), f"Would remove 4 raw pages older than {age} from 2 files: {freed}.\n"),
        (("--older-than", age), f"Removed 4 raw pages older than {age} from 2 files: {freed}.\n"),
        (("--older-than", age), f"Nothing to remove: {root} has no such pages older than {age}.\n"),
    ):
        outcome = home.run("compact", "--root", str(root), *arguments)
        assert (outcome.status, outcome.out) == (0, told), outcome.err
    for wrong in (("--older-than", "2 years"), ("--older-than", "3h"), ()):
        outcome = home.run("compact", "--root", str(root), *wrong)
        assert (outcome.status, len(outcome.err.splitlines())) == (2, 1)
    assert home.run("compact", "--root", str(root), "--json", FINARCHIVE_ARCHIVE_RAW_KEEP=age).json == {
        "files": 0, "pages": 0, "freed": 0, "dry_run": False,
    }  # fmt: skip
