"""Several ``--root``: which commands read archives as one, how archives are named, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from archive.files.layout import index_path
from archive.store import Store
from tests.conftest import Home
from tests.support.search_data import NOW, Story, put
from tests.support.web_server import Serving


@pytest.fixture
def shards(home: Home) -> Home:
    """A home with the archives east and west, each with an article of its own and one that both have."""
    for name in ("east", "west"):
        index_path(home.folder / name).parent.mkdir(parents=True)
        store = Store.open(index_path(home.folder / name))
        put(store, [Story(f"of{name}", "茅台业绩", f"{name}的文章", feeds=(name,))])
        put(store, [Story("shared", "茅台分红", "两边都有的文章", feeds=(name,))])
        store.close()
    return home


BOTH = ("--root", "east", "--root", "west")


def test_reading_commands_read_all_as_one_before_and_after_the_name_of_the_command(shards: Home) -> None:
    for arguments in (
        (*BOTH, "search", "茅台", "--json"),
        ("--root", "east", "search", "茅台", "--root", "west", "--json"),
    ):
        hits = shards.run(*arguments).json
        assert [(hit["docid"], hit["path"], hit["feeds"]) for hit in hits] == [
            ("ofeast", "east/a/ofeast.md", ["east"]),
            ("ofwest", "west/a/ofwest.md", ["west"]),
            ("shared", "east/a/shared.md", ["east", "west"]),
        ]
    assert "east/a/shared.md" in shards.run(*BOTH, "search", "feed:west 分红").out
    assert "west的文章" in shards.run(*BOTH, "show", "ofwest").out
    assert shards.run(*BOTH, "show", "west/a/ofwest.md", "--json").json["path"] == "west/a/ofwest.md"
    assert shards.run(*BOTH, "show", str(shards.folder / "west/a/ofwest.md"), "--json").json["docid"] == "ofwest"
    shown = shards.run(*BOTH, "show", "shared")
    assert "also in  west" in shown.out
    assert shards.run(*BOTH, "show", "shared", "--json").json["archives"] == ["east", "west"]
    assert "archives" not in shards.run("--root", "east", "show", "shared", "--json").json
    assert "No changes were found." in shards.run(*BOTH, "changes").out
    assert shards.run(*BOTH, "diff", "ofeast", "--json").json["path"] == "east/a/ofeast.md"


def test_exports_have_the_articles_of_all_and_stay_outside_of_each(shards: Home) -> None:
    rows = [json.loads(line) for line in shards.run(*BOTH, "export", "jsonl").out.splitlines()]
    assert [(row["docid"], row["path"], row["feeds"]) for row in rows] == [
        ("ofeast", "east/a/ofeast.md", ["east"]),
        ("ofwest", "west/a/ofwest.md", ["west"]),
        ("shared", "east/a/shared.md", ["east", "west"]),
    ]
    for arguments in (("csv", "-o", "west/x.csv"), ("hugo", "-o", "west/site")):
        done = shards.run(*BOTH, "export", *arguments)
        assert (done.status, "west" in done.err) == (2, True), arguments


def test_a_cursor_file_goes_on_with_the_same_archives_only(shards: Home) -> None:
    export = ("export", "jsonl", "--versions", "--cursor-file", "news.cursor")
    assert len(shards.run(*BOTH, *export).out.splitlines()) == 3
    store = Store.open(index_path(shards.folder / "west"))
    put(store, [Story("new", "题", "文", feeds=("west",))])
    put(store, [Story("ofeast", "题", "文", feeds=("west",))], NOW + timedelta(hours=1))
    store.close()
    rows = [json.loads(line) for line in shards.run(*BOTH, *export).out.splitlines()]
    assert [(row["docid"], row["path"][:5], row["feeds"], row["valid_to"] is None) for row in rows] == [
        ("new", "west/", ["west"], True),
        ("ofeast", "east/", ["east"], False),
        ("ofeast", "east/", ["east", "west"], True),
    ]
    assert shards.run(*BOTH, *export).out == ""
    done = shards.run("--root", "east", *export)
    assert (done.status, "of the archives east, west, and not of one" in done.err) == (2, True)


def test_coverage_is_that_of_the_archive_that_reads_a_feed_and_status_shows_each(shards: Home) -> None:
    feeds = "".join(
        f'[[feeds]]\nid = "{name}"\nkind = "roll"\ncategories = ["金融", "{name}栏"]\n'
        f'endpoint = "http://127.0.0.1:9/"\npageid = 155\nlid = {n}\n'
        for n, name in enumerate(("west", "east", "nobody"), 1)
    )
    (shards.folder / "feeds.toml").write_text(feeds, encoding="utf-8")
    configured = ("-c", "feeds.toml", *BOTH)

    days = shards.run(*configured, "coverage", "--json", "--day", "2026-09-30").json
    assert [day["feed"] for day in days] == ["west", "east"]
    named = shards.run(*configured, "coverage", "--json", "--day", "2026-09-30", "--feed", "nobody").json
    assert [day["feed"] for day in named] == ["nobody"]
    of_day = ("coverage", "--json", "--day", "2026-09-30", "--feed")
    alone = [shards.run("-c", "feeds.toml", "--root", name, *of_day, name) for name in ("west", "east")]
    assert days[:2] == [each.json[0] for each in alone]

    done = shards.run(*BOTH, "coverage")
    assert done.status == 2
    assert "the archives have no feed of the configuration, which -c names, but east, west" in done.err

    archives = shards.run(*configured, "status", "--json").json["archives"]
    assert {name: [feed["id"] for feed in each["feeds"]] for name, each in archives.items()} == {
        "east": ["east"], "west": ["west"],
    }  # fmt: skip
    assert [each["articles"] for each in archives.values()] == [2, 2]
    out = shards.run(*configured, "status").out
    assert out.index(f"{shards.folder / 'east'}: 2 articles") < out.index(f"{shards.folder / 'west'}: 2 articles")
    done = shards.run(*BOTH, "status")
    assert "west has feeds that are not in the configuration, which -c names: west" in done.err


def test_an_unknown_article_is_missing_in_all_of_them(shards: Home) -> None:
    done = shards.run(*BOTH, "show", "nobody")
    assert (done.status, "east" in done.err, "west have no article nobody" in done.err) == (2, True, True)


def test_a_command_for_one_archive_refuses_several(shards: Home) -> None:
    for command in ("verify", "crawl", "tail"):
        for arguments in ((*BOTH, command), ("--root", "east", command, "--root", "west")):
            done = shards.run(*arguments)
            assert done.status == 2
            assert f"{command} takes one archive: name one --root instead of east, west" in done.err


def test_two_archives_of_one_name_and_one_archive_named_twice_are_refused(shards: Home) -> None:
    (shards.folder / "other").mkdir()
    (shards.folder / "west").rename(shards.folder / "other/east")
    done = shards.run("--root", "east", "--root", "other/east", "search", "茅台")
    assert done.status == 2
    assert "two archives are called east" in done.err
    assert f"ln -s {shards.folder / 'other/east'} east2" in done.err
    (shards.folder / "west").symlink_to("other/east")
    assert "west/a/ofwest.md" in shards.run(*BOTH, "search", "业绩").out
    done = shards.run("--root", "west", "--root", "other/east", "search", "茅台")
    assert (done.status, "are one archive: name it once" in done.err) == (2, True)


def test_an_archive_that_cannot_be_read_is_named_and_nothing_is_shown(shards: Home) -> None:
    done = shards.run("--root", "east", "--root", "nowhere", "search", "茅台")
    assert (done.status, done.out) == (2, "")
    assert f"there is no archive at {shards.folder / 'nowhere'}" in done.err
    index_path(shards.folder / "west").write_bytes(b"no database" * 999)
    done = shards.run(*BOTH, "search", "茅台")
    assert (done.status, done.out) == (4, "")
    assert f"{Path('west') / '.finarchive/index.db'} is damaged" in done.err


@pytest.mark.slow
def test_serve_takes_several_folders_and_starts_without_one_of_them(shards: Home) -> None:
    with Serving(shards, "east", "west") as serving:
        assert "ofeast" in serving.page("/search?q=业绩")
        assert "ofwest" in serving.page("/search?q=业绩")
        assert serving.get("/index-west/revisions.json").status_code == 200
    with Serving(shards, "east", "nowhere", "-q") as serving:
        assert "<strong>nowhere</strong>" in serving.page("/search?q=业绩")
    done = shards.run("serve", "nowhere", "nothing")
    assert (done.status, "none of these archives can be read" in done.err) == (4, True)
