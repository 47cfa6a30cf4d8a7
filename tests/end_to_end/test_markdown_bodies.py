"""``archive.body = "markdown"`` in a real archive: files, readers, exports, verify and rebuild."""

from __future__ import annotations

import json

import frontmatter
import pytest

from archive.files.post import PROFILES
from mocksite.server import MockSite
from tests.conftest import Home
from tests.pipeline.test_rebuild import index, lose, run, tree

BODY = (
    "<p>　　<strong>主题：</strong>正文</p><table><tr><th>甲</th></tr><tr><td>乙</td></tr></table>"
    '<p><a href="https://a.cn/">链接</a></p>'
)


def crawled(home: Home, mocksite: MockSite, profile: str, body: str = "markdown") -> str:
    """Archive one article, and return its file."""
    story = mocksite.site.stories[0]
    mocksite.site.edit(story.docid, mocksite.clock, body=BODY)
    home.configure(mocksite.endpoint, more=f'[archive]\nprofile = "{profile}"\nbody = "{body}"\n')
    home.run("crawl", "--limit", "1")
    [file] = home.files()
    return file.read_bytes().decode()


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_files_begin_with_their_front_matter_and_go_on_in_markdown(
    home: Home, mocksite: MockSite, profile: str
) -> None:
    text = crawled(home, mocksite, profile)
    assert text.startswith("\n---\n" if profile == "sample" else "---\n")
    assert "\n---\n\n**主题**：正文\n\n| 甲 |\n| --- |\n| 乙 |\n\n[链接](https://a.cn/)\n\n责任编辑" in text
    assert frontmatter.loads(text).metadata["categories"]


@pytest.mark.slow
def test_readers_and_exports_show_its_html_and_a_rebuild_makes_the_same_files(home: Home, mocksite: MockSite) -> None:
    text = crawled(home, mocksite, "hugo")
    docid = mocksite.site.stories[0].docid
    shown = run(home, "show", docid, "--html")
    assert "<strong>主题</strong>：正文" in shown
    assert "<td>乙</td>" in shown
    assert "<strong>主题</strong>" in run(home, "export", "atom").replace("&lt;", "<").replace("&gt;", ">")
    run(home, "export", "hugo", "-o", str(home.folder / "site"))
    [exported] = (home.folder / "site").rglob("*.md")
    assert exported.read_text(encoding="utf-8") == text
    assert json.loads(run(home, "show", docid, "--json"))["text"].startswith("主题：正文\n甲")
    before, rows = tree(home), index(home)
    run(home, "verify", "--deep")
    lose(home)
    run(home, "rebuild")
    assert (tree(home), index(home)) == (before, rows)
