"""Exports for Hugo and Hexo, compared with an archive of that profile; and repeated exports to a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from selectolax.lexbor import LexborHTMLParser

from archive.export.folder import LIST_NAME, fill
from archive.export.sites import without_blank_lines
from archive.files.post import body_of, load
from archive.model.article import Post
from archive.model.errors import ArchiveError, NotWritableError
from mocksite.server import MockSite
from tests.cli.test_main import assert_refused
from tests.conftest import NEWEST, Home, Outcome

Crawl = Callable[..., Outcome]


def files_of(folder: Path) -> dict[str, bytes]:
    """Bytes by path, without names that begin with a dot."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in named.items() if not name.startswith(".")}


def twin(path: str) -> str:
    return "/".join(part.replace("%", "％") if part[0] != "_" else f"＿{part[1:]}" for part in path.split("/"))


def in_parts(data: bytes) -> tuple[list[str], str]:
    """The front matter without the digest of the body, and the body without blank lines."""
    head, body = data.decode().partition("\n\n<div>")[0], body_of(data)
    head_lines = head.splitlines()
    digest = hashlib.sha256(body.encode()).hexdigest()
    assert f"sha256: '{digest}'" in head_lines
    return [line for line in head_lines if not line.startswith("sha256: ")], without_blank_lines(body)


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "body"), [("sample", "faithful"), ("extended", "clean"), ("hugo", "faithful")])
def test_an_exported_folder_equals_an_archive_of_its_profile(
    home: Home, crawl: Crawl, profile: str, body: str
) -> None:
    """For any profile of the source archive; except for blank lines, and names that a tool does not accept."""
    of_body = {"FINARCHIVE_ARCHIVE_BODY": body}
    crawl(FINARCHIVE_ARCHIVE_PROFILE=profile, **of_body)
    for output, its_profile in (("hugo", "hugo"), ("hexo", "extended")):
        crawl(FINARCHIVE_ARCHIVE_ROOT=its_profile, FINARCHIVE_ARCHIVE_PROFILE=its_profile, **of_body)
        expected = {path: in_parts(data) for path, data in files_of(home.folder / its_profile).items()}
        if output == "hexo":
            expected = {twin(path): parts for path, parts in expected.items()}
        assert home.run("export", output, "-o", f"out-{output}").status == 0
        made = files_of(home.folder / f"out-{output}")
        assert {path: in_parts(data) for path, data in made.items()} == expected
        assert len(expected) == 12
        # Obsidian and others read properties only where the file begins with them.
        assert all(data.startswith(b"---\n") for data in made.values())
        assert all(load(data)[0]["docid"] for data in made.values())
        assert not any("\n\n" in body_of(data) for data in made.values())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>一</p>\n\n    <p>二</p>\n \t\n\n<p>三</p>", "<p>一</p>\n    <p>二</p>\n<p>三</p>"),
        ("\n\n<p>一</p>\n\n", "<p>一</p>"),
        ("<p>一</p>\n\n<pre>a\n\n  \nb</pre>\n\n二", "<p>一</p>\n<pre>a&#10;&#10;  \nb</pre>\n二"),
        ("<p>　\n\u00a0\n二</p>", "<p>　\n\u00a0\n二</p>"),
    ],
)
def test_a_body_contains_no_markdown_syntax(body: str, expected: str) -> None:
    assert without_blank_lines(body) == expected
    pre_before, pre_after = (LexborHTMLParser(html).css("pre") for html in (body, expected))
    assert [each.text() for each in pre_before] == [each.text() for each in pre_after]


def test_as_of_a_time_the_file_is_that_of_its_version(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    story = mocksite.site.stories[0]
    home.run("crawl")
    before = datetime.now(UTC).isoformat()
    mocksite.site.edit(story.docid, NEWEST + 1, "更正后的题", "<p>更正后的文</p>")
    home.execute("UPDATE entries SET recheck = '2000-01-01T00:00:00.000+00:00'")
    assert home.run("crawl", "--json").json["revised"] == 1
    for time, wanted in ((("--as-of", before), False), ((), True)):
        assert home.run("export", "hugo", *time, "-o", "out").status == 0
        texts = [data.decode() for path, data in files_of(home.folder / "out").items() if story.docid in path]
        assert len(texts) == 1
        assert ("更正后的题" in texts[0], "更正后的文" in texts[0]) == (wanted, wanted)


def test_what_a_query_no_longer_finds_goes_and_what_stays_keeps_its_time(home: Home, crawl: Crawl) -> None:
    crawl()
    home.run("export", "hugo", "-o", "out")
    whole = {path: (home.folder / "out" / path).stat().st_mtime_ns for path in files_of(home.folder / "out")}
    assert home.run("export", "hugo", "--limit", "3", "-o", "out").status == 0
    left = files_of(home.folder / "out")
    assert len(left) == 3
    assert {path: (home.folder / "out" / path).stat().st_mtime_ns for path in left}.items() <= whole.items()
    assert home.run("export", "hugo", "没有这个", "-o", "out").status == 0
    assert [path.name for path in (home.folder / "out").iterdir()] == [LIST_NAME], "empty folders go too"


@pytest.mark.slow
def test_foreign_files_are_not_touched(home: Home, crawl: Crawl) -> None:
    crawl()
    before = files_of(home.root)
    for place in ("news", "news/x", "news/.finarchive/x", "."):
        assert_refused(home.run("export", "hexo", "-o", place), 2, "overlap")
    (home.folder / "mine").mkdir()
    (home.folder / "mine" / "_index.md").write_text("mine")
    (home.folder / "link").symlink_to(home.root)
    assert_refused(home.run("export", "hexo", "-o", "mine"), 2, "not empty", "another folder")
    assert_refused(home.run("export", "hexo", "-o", "finarchive.toml"), 2, "is not a folder")
    assert_refused(home.run("export", "hexo", "-o", "link/x"), 2, "overlap")
    assert_refused(home.run("export", "hexo"), 2, "name the folder with -o")
    assert_refused(home.run("export", "csv", "-o", "mine"), 2, "is a folder")
    assert files_of(home.root) == before
    assert home.run("export", "hexo", "-o", "mine/news").status == 0
    (home.folder / "mine/news/_index.md").write_text("mine")
    assert home.run("export", "hexo", "没有这个", "-o", "mine/news").status == 0
    assert files_of(home.folder / "mine") == {
        "_index.md": b"mine",
        f"news/{LIST_NAME}": b"",
        "news/_index.md": b"mine",
    }


def test_a_file_that_is_not_as_recorded_is_left_out_and_reported(home: Home, crawl: Crawl) -> None:
    crawl()
    gone, spoilt = home.files()[:2]
    gone.unlink()
    spoilt.write_bytes(b"other")
    outcome = home.run("export", "hugo", "-o", "out")
    assert_refused(outcome, 4, "2 files are missing or not as recorded")
    assert outcome.err.count("no-file docid=") == 2
    assert len(files_of(home.folder / "out")) == 10


def test_an_interrupted_run_is_completed_by_the_next(tmp_path: Path) -> None:
    archive, out = tmp_path / "news", tmp_path / "out"

    def broken() -> Iterator[Post]:
        yield Post(PurePosixPath("a/1.md"), b"1")
        yield Post(PurePosixPath("a/2.md"), b"2")
        raise KeyboardInterrupt

    fill(out, archive, [Post(PurePosixPath("b/0.md"), b"0")])
    with pytest.raises(KeyboardInterrupt):
        fill(out, archive, broken())
    assert files_of(out) == {"a/1.md": b"1", "a/2.md": b"2", "b/0.md": b"0"}
    fill(out, archive, [Post(PurePosixPath("a/2.md"), b"changed")])
    assert files_of(out) == {"a/2.md": b"changed"}
    assert (out / LIST_NAME).read_text() == "a/2.md\n"
    assert not (out / "b").exists()


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/x", LIST_NAME])
def test_no_path_leads_out(tmp_path: Path, path: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(ArchiveError, match="leads out"):
        fill(out, tmp_path / "news", [Post(PurePosixPath(path), b"")])
    (tmp_path / "x").write_text("mine")
    (out / LIST_NAME).write_text(f"{path}\n")
    fill(out, tmp_path / "news", [])
    assert (tmp_path / "x").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritableError, match="cannot be written"):
        fill(tmp_path / "file" / "out", tmp_path / "news", [])
