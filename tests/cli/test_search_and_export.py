"""search and export on the command line."""

from __future__ import annotations

import csv
import json
import shlex
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from archive.files.layout import index_path
from archive.store import Store
from tests.cli.test_main import assert_refused
from tests.conftest import Home, Outcome
from tests.support.search_data import NOW, Story, put

REPOSITORY = Path(__file__).parents[2]
STORIES = [
    Story(
        "aaaa",
        "茅台提价",
        "贵州茅台（600519）宣布提价。\n市场反应平淡。",
        "样例社",
        ("sh600519",),
        ("china", "stock"),
    ),
    Story("bbbb", "央行降准", "央行宣布降准，M2 增速回升。", "财经样报", (), ("china",), NOW - timedelta(days=2)),
    Story("cccc", "题\x1b[31m红", "=茅台", None, (), ("stock",), NOW - timedelta(days=1)),
]
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def filled(home: Home) -> Home:
    """A home whose archive has three articles, one of them in its second version."""
    index_path(home.root).parent.mkdir(parents=True)
    store = Store.open(index_path(home.root))
    put(store, STORIES)
    put(
        store,
        [Story("bbbb", "央行降准更正", "央行宣布降准。", "财经样报", (), ("china",), STORIES[1].published)],
        LATER,
        2,
    )
    store.close()
    return home


def lines(outcome: Outcome) -> list[dict[str, object]]:
    assert outcome.status == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def docids(outcome: Outcome) -> list[object]:
    return [line["docid"] for line in lines(outcome)]


def test_search_has_the_fields_of_the_contract(filled: Home) -> None:
    assert filled.run("search", "提价", "茅台", "--json").json == [
        {
            "docid": "aaaa",
            "title": "茅台提价",
            "path": "a/aaaa.md",
            "published": "2026-09-30T02:00:00+00:00",
            "feeds": ["china", "stock"],
            "snippet": "贵州茅台（600519）宣布提价。 市场反应平淡。",
        }
    ]


def test_search_shows_its_results(filled: Home) -> None:
    plain = filled.run("search", "茅台").out
    assert "茅台提价\n  2026-09-30 10:00+08:00  新浪财经  aaaa\n  a/aaaa.md\n  贵州茅台" in plain
    assert "\x1b" not in plain
    coloured = filled.run("search", "茅台", FORCE_COLOR="1", TERM="xterm-256color").out
    assert "\x1b[1;31m茅台\x1b[0m" in coloured
    assert "\x1b[31m红" not in coloured
    assert "Showing 1 of 2 articles; --limit N" in filled.run("search", "茅台", "--limit", "1").out
    assert filled.run("search", "没有这个").out == "Nothing was found.\n"


def test_search_sorts_by_the_given_order(filled: Home) -> None:
    arguments = ("search", "宣布 OR 茅台", "--json")
    by_time = [hit["docid"] for hit in filled.run(*arguments, "--sort", "time").json]
    assert by_time == ["aaaa", "cccc", "bbbb"]
    assert [hit["docid"] for hit in filled.run(*arguments, "--limit", "1").json] == ["aaaa"]


def test_search_as_of_ignores_later_versions(filled: Home) -> None:
    def titles(*more: str) -> list[str]:
        return [hit["title"] for hit in filled.run("search", "降准", "--json", *more).json]

    assert titles() == ["央行降准更正"]
    assert titles("--as-of", "2026-09-30T10:59+08:00") == ["央行降准"]
    assert titles("--as-of", "2026-09-30T01:59:59Z") == []
    assert_refused(filled.run("search", "x", "--as-of", "2026-09-30T09:30"), 2, "+08:00")


@pytest.mark.parametrize("command", [("search",), ("export", "csv")])
def test_what_cannot_be_searched_for_is_said(filled: Home, command: tuple[str, ...]) -> None:
    assert_refused(filled.run(*command, '"茅台'), 2, "cannot search for", "quotation mark")
    assert_refused(filled.run(*command, "symbl:x"), 2, "unknown field symbl:")
    assert_refused(filled.run(*command, "feed:chnia"), 2, "no feed 'chnia'; did you mean china?")
    assert_refused(filled.run(*command, "media:新华社"), 2, "no medium has '新华社'", "财经样报")
    assert filled.run(*command, "feed:usstock").status == 0, "a feed that is configured and was not read yet"


@pytest.mark.parametrize(
    "named", ["bbbb", "https://finance.sina.com.cn/a/doc-ibbbb.shtml", "a.cn/a/doc-ibbbb.shtml#top", "a/bbbb.md"]
)
def test_what_names_an_article_shows_it(filled: Home, named: str) -> None:
    shown = filled.run("show", "bbbb").out
    assert "央行降准更正" in shown
    assert filled.run("search", named).out == filled.run("show", named).out == shown
    assert [hit["docid"] for hit in filled.run("search", named, "--json").json] == ["bbbb"]
    then = ("--as-of", "2026-09-30T10:30+08:00")
    assert filled.run("search", named, *then).out == filled.run("show", "bbbb", *then).out
    assert [hit["title"] for hit in filled.run("search", named, "--json", *then).json] == ["央行降准"]
    before = filled.run("search", "bbbb", "--as-of", "2026-09-29T10:30+08:00")
    assert (before.status, before.out) == (0, "Nothing was found.\n")


def test_an_address_that_is_not_archived_is_said(filled: Home) -> None:
    assert_refused(filled.run("search", "https://a.cn/other.html"), 2, "no article at this address", "finarchive add")


def test_tail_refuses_what_names_nothing(filled: Home) -> None:
    assert_refused(filled.run("tail", "feed:chnia"), 2, "no feed 'chnia'; did you mean china?")
    assert_refused(filled.run("tail", "symbol:没有"), 2, "no stock is called '没有'")


def test_a_word_with_a_minus_sign_is_excluded_and_no_option(filled: Home) -> None:
    for arguments in (("茅台", "-提价"), ("茅台 -提价",), ("--limit", "9", "-提价", "茅台"), ('-"贵州茅台"', "茅台")):
        assert [hit["docid"] for hit in filled.run("search", "--json", *arguments).json] == ["cccc"]
    assert docids(filled.run("export", "jsonl", "茅台", "-提价")) == ["cccc"]
    assert_refused(filled.run("search", "茅台", "--limt", "9"), 2, "No such option")


def test_days_of_a_query_are_counted_from_the_as_of_time(filled: Home) -> None:
    def found(query: str, time: str) -> list[str]:
        return [hit["docid"] for hit in filled.run("search", query, "--as-of", time, "--json").json]

    assert found("published:today 茅台", "2026-09-30T12:00+08:00") == ["aaaa"]
    assert found("published:yesterday 茅台", "2026-09-30T12:00+08:00") == ["cccc"]
    assert found("published:yesterday 茅台", "2026-10-01T12:00+08:00") == ["aaaa"]
    assert found("since:3d 宣布", "2026-10-01T12:00+08:00") == ["aaaa"]


def test_export_writes_all_articles_by_publication_time(filled: Home) -> None:
    records = lines(filled.run("export", "jsonl"))
    assert [record["docid"] for record in records] == ["bbbb", "cccc", "aaaa"]
    assert records[0] == {
        "docid": "bbbb", "title": "央行降准更正", "url": "https://a.cn/bbbb", "path": "a/bbbb.md",
        "published": "2026-09-28T02:00:00.000+00:00", "first_seen": "2026-09-30T02:00:00.000+00:00",
        "observed": "2026-09-30T03:00:00.000+00:00", "revision": 2, "updated": None, "media": "财经样报",
        "feeds": ["china"], "keywords": [], "symbols": [], "editor": None, "original_title": None, "gone": None,
        "sha256": "0" * 64, "text": "央行宣布降准。", "settled_feeds": ["china"], "provisional_feeds": [],
        "authors": [], "enclosures": [], "published_text": None, "precision": "time", "published_note": None,
        "text_from": "page", "text_note": None, "images": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (("茅台",), ["cccc", "aaaa"]),
        (("--since", "2026-09-29"), ["cccc", "aaaa"]),
        (("--until", "2026-09-29"), ["bbbb", "cccc"]),
        (("--until", "2026-09-29T09:59+08:00"), ["bbbb"]),
        (("--symbol", "SH600519"), ["aaaa"]),
        (("--feed", "china"), ["bbbb", "aaaa"]),
        (("--feed", "china", "--feed", "stock"), ["bbbb", "cccc", "aaaa"]),
        (("茅台 OR 降准", "--feed", "china", "--until", "2026-09-29"), ["bbbb"]),
        (("增速", "--as-of", "2026-09-30T02:00Z"), ["bbbb"]),
        (("增速",), []),
        (("--limit", "2"), ["cccc", "aaaa"]),
        (("--limit", "1", "--feed", "china", "--as-of", "2026-09-30T02:00Z"), ["aaaa"]),
        (("宣布", "--limit", "1"), ["aaaa"]),
    ],
)
def test_export_chooses(filled: Home, chosen: tuple[str, ...], expected: list[str]) -> None:
    assert docids(filled.run("export", "jsonl", *chosen)) == expected


def test_export_refuses_a_day_that_is_none(filled: Home) -> None:
    assert_refused(filled.run("export", "jsonl", "--since", "soon"), 2, "'soon' is neither a day")


def test_export_refuses_a_feed_that_there_is_not(filled: Home) -> None:
    done = filled.run("export", "jsonl", "--feed", "nope", "--feed", "china")
    assert_refused(done, 2, "there is no feed 'nope'; there are china", "stock")
    misspelt = filled.run("export", "csv", "--feed", "chnia")
    assert_refused(misspelt, 2, "there is no feed 'chnia'", "did you mean china?")
    assert lines(filled.run("export", "jsonl", "--feed", "telegraph")) == [], "configured, and never read"
    filled.configure("https://a.cn/")
    assert docids(filled.run("export", "jsonl", "--feed", "china", "--limit", "1")) == ["aaaa"], "not configured now"
    assert lines(filled.run("export", "jsonl", "--feed", "feed1")) == []


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "atom", "dataset", "hugo"])
def test_export_refuses_an_archive_that_is_not_there(home: Home, kind: str) -> None:
    assert_refused(home.run("export", kind, "-o", "out", "--root", "nowhere"), 2, "there is no archive at", "nowhere")
    assert not list(home.folder.iterdir())


def test_a_table_is_read_back(filled: Home) -> None:
    path = filled.folder / "out.csv"
    done = filled.run("export", "csv", "-o", str(path))
    assert (done.status, done.out) == (0, "")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["docid"], row["text"][:1]) for row in rows] == [("bbbb", "央"), ("cccc", "'"), ("aaaa", "贵")]
    assert [path.name for path in filled.folder.glob("out*")] == ["out.csv"]


def test_a_long_cell_is_said_on_stderr(filled: Home) -> None:
    filled.execute(f"UPDATE texts SET text = '{'字' * 32_768}' WHERE docid = 'aaaa'")
    done = filled.run("export", "csv", "-o", "out.csv")
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("finarchive: 1 cell has more than 32,767 characters, ")
    assert filled.run("export", "csv", "-q", "-o", "out.csv").err == ""


def test_a_file_appears_when_it_is_whole(filled: Home) -> None:
    path = filled.folder / "out.jsonl"
    path.write_text("mine")
    filled.execute("UPDATE revisions SET keywords = 'spoilt' WHERE docid = 'aaaa'")  # the last one to be written
    assert filled.run("export", "jsonl", "-o", str(path)).status != 0
    assert path.read_text() == "mine"
    assert [each.name for each in filled.folder.glob("out*")] == ["out.jsonl"]
    assert_refused(filled.run("export", "jsonl", "-o", str(path / "x")), 2, "cannot be written")


def test_what_is_no_file_is_written_to_as_it_is(filled: Home) -> None:
    assert filled.run("export", "jsonl", "-o", "/dev/stdout").out == filled.run("export", "jsonl").out
    assert Path("/dev/stdout").exists()


def test_a_reader_may_close_the_pipe_early(filled: Home) -> None:
    command = " ".join([*filled.command("export", "jsonl"), "| head -c 1"])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=filled.folder, env=filled.env, capture_output=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"{", b"", 0)


@pytest.mark.parametrize("place", ["news/known.jsonl", "news/金融/known.jsonl", "link/known.jsonl"])
def test_no_export_is_put_among_the_articles(filled: Home, place: str) -> None:
    (filled.root / "金融").mkdir(exist_ok=True)
    (filled.folder / "link").symlink_to(filled.root)
    done = filled.run("export", "jsonl", "-o", place)
    assert done.status == 2
    assert f"{place} lies in the archive, which has nothing but articles: name a file elsewhere" in done.err
    assert not (filled.folder / place).exists()


@pytest.mark.parametrize("redirect", [">", ">>"])
def test_an_export_to_stdout_by_its_path_leaves_the_link_as_it_is(filled: Home, redirect: str) -> None:
    link, out = filled.folder / "stdout", filled.folder / "out.jsonl"
    link.symlink_to("/proc/self/fd/1")
    out.write_text("before\n")
    command = " ".join(map(shlex.quote, filled.command("export", "jsonl", "-o", str(link))))
    done = subprocess.run(
        ["sh", "-c", f"{command} {redirect} {out}"],
        cwd=filled.folder,
        env=filled.env | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert done.returncode == 0
    assert link.is_symlink()
    first, *others = out.read_text(encoding="utf-8").splitlines()
    assert (first == "before") == (redirect == ">>")
    assert [json.loads(line)["docid"] for line in others][-2:] == ["cccc", "aaaa"]


def test_init_writes_through_a_link_and_to_stdout_and_replaces_nothing(home: Home) -> None:
    (home.folder / "link.toml").symlink_to("real.toml")
    (home.folder / "stdout").symlink_to("/proc/self/fd/1")
    assert home.run("init", "link.toml").status == 0
    assert (home.folder / "link.toml").is_symlink()
    text = (home.folder / "real.toml").read_text(encoding="utf-8")
    assert home.run("init", "stdout").out == text
    assert (home.folder / "stdout").is_symlink()
    assert home.run("init", "link.toml").status == 2
