"""Pictures, stored on request: fetched once, politely, after the articles; stored once by their bytes."""

from __future__ import annotations

import hashlib
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from mocksite.images import png
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support import processes
from tests.support.daemon import Running
from tests.support.images import ON, TIMELESS, illustrated, requested_images, stored

REPOSITORY = Path(__file__).parents[2]
SHARED_PICTURE = ["/pictures/a.png", "/pictures/both.png"], ["/pictures/both.png", "/elsewhere/both.png"], []


@pytest.fixture
def site() -> Iterator[MockSite]:
    """Three articles: two share a picture, and one of them has it at another address too."""
    with MockSite(illustrated(*SHARED_PICTURE)) as running:
        yield running


def configure(home: Home, site: MockSite, more: str = ON, network: str = "") -> None:
    home.configure(site.endpoint, more=more, network=network)


def test_a_shared_picture_is_requested_once_and_equal_bytes_are_stored_once(home: Home, site: MockSite) -> None:
    configure(home, site)

    done = home.run("crawl", "--json")

    assert done.status == 0
    assert done.json["pictures"] == {"kept": 3, "failed": 0, "waiting": 0}
    assert done.json["requests"] == 8  # robots.txt, the list, three articles, three pictures
    assert sorted(requested_images(site)) == ["/elsewhere/both.png", "/pictures/a.png", "/pictures/both.png"]
    contents = [png("a.png"), png("both.png")]
    digests = [hashlib.sha256(data).hexdigest() for data in contents]
    inner = home.root / ".finarchive" / "images"
    assert {path: path.read_bytes() for path in stored(home)} == {
        inner / digest[:2] / f"{digest}.png": data for digest, data in zip(digests, contents, strict=True)
    }
    verified = home.run("verify", "--json").json
    assert (verified["articles"], verified["files"], verified["problems"]) == (3, 5, [])
    site.clear_hits()
    assert home.run("crawl", "--json").json["pictures"] == {"kept": 0, "failed": 0, "waiting": 0}
    assert requested_images(site) == []


def test_with_images_off_nothing_is_fetched_stored_or_reported(home: Home, site: MockSite) -> None:
    configure(home, site, more="")
    done = home.run("crawl", "--json")
    assert (done.status, done.json["requests"], "pictures" in done.json) == (0, 5, False)
    assert "pictures" not in home.run("status", "--json").json
    assert "picture" not in home.run("status").out
    assert home.rows("SELECT count(*) FROM images") == [(0,)]
    assert not (home.root / ".finarchive" / "images").exists()


def test_articles_go_first_and_each_request_says_where_it_comes_from(home: Home, site: MockSite) -> None:
    configure(home, site)
    home.run("crawl")
    paths = [hit.path for hit in site.hits]
    assert max(n for n, path in enumerate(paths) if "doc-i" in path) < min(map(paths.index, requested_images(site)))
    assert all(hit.headers["referer"] == "https://finance.sina.com.cn/" for hit in site.hits)
    [accepts] = {hit.headers["accept"] for hit in site.hits if hit.path.endswith(".png")}
    assert accepts.startswith("image/*")


def test_a_picture_host_that_refuses_a_foreign_referer_serves_us(home: Home) -> None:
    with MockSite(illustrated(["/guarded/x.png"])) as site:
        configure(home, site)
        assert home.run("crawl", "--json").json["pictures"]["kept"] == 1
    assert [path.read_bytes() for path in stored(home)] == [png("x.png")]


BAD = {
    "/pictures/page.png": ("unreadable", "no image of a supported type (Content-Type: text/html)"),
    "/pictures/drawing.svg": ("unreadable", "no image of a supported type (Content-Type: text/html)"),
    "/pictures/gone.png": ("gone", "status 404: no such page"),
    "/pictures/huge.png": ("refused", "the answer is larger than network.max_body"),
    "/pictures/broken.png": ("temporary", "status 503"),
    "/pictures/cut.png": ("temporary", "the image ends in the middle"),
    "ftp://127.0.0.1/x.png": None,  # no address of the web: not even wanted
}


@pytest.mark.slow
def test_what_is_no_picture_is_reported_tried_again_and_given_up(home: Home) -> None:
    with MockSite(illustrated([*BAD, "/pictures/good.png"])) as site:
        site.site.pages["/pictures/drawing.svg"] = b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'
        site.fault("html", match="page.png")
        site.fault("status", match="gone.png", status=404)
        site.fault("huge", match="huge.png")
        site.fault("status", match="broken.png", status=503)
        site.fault("truncate-silent", match="cut.png")
        configure(home, site)

        done = home.run("crawl", "--json")

        assert (done.status, done.json["failed"]) == (0, 0), "articles are what counts"
        assert done.json["pictures"] == {"kept": 1, "failed": 6, "waiting": 6}
        expected = {(f"{site.url}{path}", *failure) for path, failure in BAD.items() if failure}
        rows = home.rows("SELECT url, failure_kind, failure FROM images WHERE status = 'wanted' AND attempts = 1")
        assert set(rows) == expected
        assert [path.read_bytes() for path in stored(home)] == [png("good.png")]
        assert re.search(r"WARNING picture-failed url='\S+gone.png' attempt=1 reason='status 404", done.err)

        # Lasting failures are given up at the third or fourth attempt, temporary ones are not.
        home.execute("UPDATE images SET first_seen = '2026-01-01T00:00:00.000+00:00'")
        for _ in range(3):
            home.run("retry")
            home.run("crawl")
        parked = "SELECT count(*) FROM images WHERE status = 'parked'"
        assert home.rows(parked) == [(4,)]
        site.clear_hits()
        home.run("retry")
        home.run("crawl")
        assert sorted(requested_images(site)) == ["/pictures/broken.png", "/pictures/cut.png"]

        site.clear_faults()
        assert home.run("retry", "--parked", "--json").json == {"released": 6}
        assert home.run("crawl", "--json").json["pictures"] == {"kept": 5, "failed": 1, "waiting": 1}
    assert len(stored(home)) == 6


def test_status_reports_pictures_if_they_are_stored(home: Home, site: MockSite) -> None:
    site.fault("status", match=r"a\.png", status=404)
    configure(home, site)
    assert "2 pictures kept, 1 failed, 1 waiting" in home.run("crawl").out
    size = len(png("both.png"))
    assert home.run("status", "--json").json["pictures"] == {
        "kept": 2, "files": 1, "size": size, "waiting": 1, "parked": 0,
    }  # fmt: skip
    output = home.run("status").out
    assert "2 pictures kept in 1 file of 0.0 MB; 1 waiting, 0 parked" in output
    assert "1 × status 404: no such page" in output


def test_a_limited_crawl_fetches_only_the_pictures_of_its_articles(home: Home) -> None:
    with MockSite(illustrated(["/pictures/1.png"], ["/pictures/2.png", "/pictures/1.png"])) as site:
        site.fault("status", match=r"1\.png", status=503, times=1)
        configure(home, site)
        assert home.run("crawl", "--json", "--limit", "1").json["pictures"] == {
            "kept": 0,
            "failed": 1,
            "waiting": 1,
        }
        assert requested_images(site) == ["/pictures/1.png"]
        home.run("crawl", "--limit", "0")
        assert requested_images(site) == ["/pictures/1.png"], "of no article"
        home.run("crawl", "--limit", "1")
        assert sorted(requested_images(site)) == ["/pictures/1.png", "/pictures/1.png", "/pictures/2.png"]


@pytest.mark.slow
def test_articles_archived_before_images_were_on_get_their_pictures_when_rechecked(
    home: Home, site: MockSite
) -> None:
    configure(home, site, more="")
    home.run("crawl")
    configure(home, site)
    home.run("crawl")
    assert requested_images(site) == []
    home.execute("UPDATE entries SET recheck = '2026-01-01T00:00:00.000+00:00'")
    home.run("crawl")
    assert len(requested_images(site)) == 3


def test_a_picture_of_a_private_address_is_refused(home: Home, site: MockSite) -> None:
    """The articles are fetched while it is allowed; their pictures are requested when it is no longer."""
    site.fault("status", match=r"\.png", status=503)
    configure(home, site)
    home.run("crawl")
    site.clear_hits()
    configure(home, site, network="")
    home.config.write_text(home.config.read_text().replace("allow_private = true", "allow_private = false"))
    home.run("crawl")
    assert site.hits == []
    [(failure,)] = home.rows("SELECT DISTINCT failure FROM images")
    assert failure == "127.0.0.1 has the private address 127.0.0.1, and network.allow_private is false"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_verify_names_what_became_of_pictures(home: Home, site: MockSite) -> None:
    configure(home, site)
    home.run("crawl")
    one, other = stored(home)
    flip(one)
    other.unlink()
    extra = one.with_name("mine.png")
    extra.write_bytes(b"mine")
    done = home.run("verify", "--json", "--repair")
    assert done.status == 4
    problems = sorted((each["kind"], each["path"]) for each in done.json["problems"])
    names = [path.relative_to(home.root).as_posix() for path in (extra, other, one)]
    assert problems == list(zip(("extra", "missing", "tampered"), names, strict=True))
    assert done.json["repaired"] == [], "the raw pages have no pictures"


def test_the_daemon_fetches_pictures_on_its_own_and_for_a_delegated_crawl(home: Home, site: MockSite) -> None:
    configure(home, site)
    with Running(home) as daemon:
        daemon.wait_for("picture-kept", times=3)
        [story] = illustrated(["/pictures/new.png"])
        site.site.add(replace(story, docid="nreplnew0000001"))
        done = home.run("crawl", "--json")
        assert done.json["pictures"] == {"kept": 1, "failed": 0, "waiting": 0}
        assert daemon.stop() == 0
    assert home.run("verify").status == 0


@pytest.mark.slow
def test_what_becomes_due_while_pictures_are_fetched_is_fetched_too(home: Home) -> None:
    with MockSite([]) as site:
        elsewhere = site.url.replace("127.0.0.1", "localhost")
        for story in illustrated([f"{elsewhere}/slow.png"], []):
            site.site.add(story)
        site.clock = site.site.stories[0].intime
        late = site.site.stories[1]
        site.fault("status", match=late.path, status=503, times=1)
        site.fault("status", match=r"slow\.png", status=503, times=1)
        configure(home, site)
        home.run("crawl")
        site.fault("stall", match=r"slow\.png", seconds=5)
        soon = "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+4 seconds')"
        home.execute(f"UPDATE entries SET due = {soon} WHERE docid = '{late.docid}'")
        done = home.run("crawl", "--json", timeout=30)
    assert (done.json["archived"], done.json["pictures"]["kept"]) == (1, 1)


@pytest.mark.timing
@pytest.mark.slow
def test_polls_wait_for_no_backlog_of_pictures(home: Home) -> None:
    pictures = [f"/pictures/{number}.png" for number in range(150)]
    with MockSite(illustrated(pictures, []) + make_stories(60, newest=NEWEST - 86400, seed=1)) as site:
        schedule = '[schedule]\nmin = "1s"\nevery = "1s"\nmax = "1s"\n'
        configure(home, site, more=ON + schedule)
        home.config.write_text(
            home.config.read_text().replace("delay = 0\nconcurrency = 8", "delay = 0.1\nconcurrency = 2")
        )
        with Running(home) as daemon:
            daemon.wait_for("picture-kept", times=3)
            site.clear_hits()
            site.site.edit(site.site.stories[1].docid, site.clock, title="新标题")
            daemon.wait_for("retitled")
            paths = [hit.path for hit in site.hits]
            assert daemon.stop() == 0
    second = next(n for n, path in enumerate(paths) if "page=2" in path)
    first = max(n for n, path in enumerate(paths[:second]) if "page=1&" in path or path.endswith("page=1"))
    between = paths[first + 1 : second]
    assert all(path.endswith(".png") for path in between)
    assert len(between) <= 4, "no more than were in the downloader's hands"


def dying(home: Home, step: str) -> int:
    command = [sys.executable, "-m", "tests.support.kill_points", step, "1", "-", "-q", "crawl"]
    env = home.env | {"PYTHONPATH": str(REPOSITORY)}
    return processes.run(command, cwd=home.folder, env=env, capture_output=True).returncode


@pytest.mark.slow
@pytest.mark.parametrize(
    "step", ["before the pictures' files", "before the pictures' rows", "after the pictures' note"]
)
def test_a_crawl_killed_while_storing_a_picture_is_continued(home: Home, site: MockSite, step: str) -> None:
    configure(home, site)
    assert dying(home, step) == -signal.SIGKILL
    count_query = "SELECT count(*) FROM images WHERE status = 'kept'"
    assert home.rows(count_query) == [(0,)]
    assert bool(stored(home)) == (step != "before the pictures' files")

    done = home.run("crawl", "--json")

    assert done.status == 0
    # An article may be in the journal and not in the index yet when its picture is stored.
    assert "recovered records=" in done.err or step != "after the pictures' note"
    assert home.rows(count_query) == [(3,)]
    assert len(stored(home)) == 2
    assert home.run("verify", "--json").json["problems"] == []


@pytest.mark.slow
def test_rebuild_restores_the_rows_and_does_not_change_the_files(home: Home, site: MockSite) -> None:
    site.fault("status", match=r"a\.png", status=404)
    configure(home, site)
    home.run("crawl")
    rows, whole = home.rows(TIMELESS), "SELECT * FROM images ORDER BY url"
    before, files = home.rows(whole), {path: path.stat() for path in stored(home)}
    assert {row[1] for row in rows} == {"wanted", "kept"}
    for path in (home.root / ".finarchive").glob("index.db*"):
        path.unlink()
    site.clear_hits()

    done = home.run("rebuild", "--json")

    assert (done.status, done.json["rows"], site.hits) == (0, {}, [])
    assert home.rows(whole) == before
    assert {path: path.stat() for path in stored(home)} == files
    home.execute("UPDATE images SET size = 1 WHERE status = 'kept'")
    assert home.run("rebuild", "--json", "--dry-run").json["rows"] == {"images": 4}


@pytest.mark.slow
@pytest.mark.parametrize("raw", ["warc", "none"])
def test_images_stored_without_a_journal_outlive_a_rebuild(home: Home, site: MockSite, raw: str) -> None:
    configure(home, site, more=ON + 'raw = "none"\n')
    home.run("crawl")
    configure(home, site, more=f'{ON}raw = "{raw}"\n')
    site.site.edit(site.site.stories[0].docid, site.clock, title="新标题")
    site.clock += 60
    home.run("crawl")
    before = home.rows("SELECT * FROM images ORDER BY url")
    assert len(before) == 3
    home.run("rebuild")
    assert home.rows("SELECT * FROM images ORDER BY url") == before
