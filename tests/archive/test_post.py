"""The file format: the user's sample byte for byte, and files that load back to what went in."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import frontmatter
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from archive.files.post import PROFILES, load, quoted, render, scalar
from archive.model.article import Article, ArticleImage, Page, Post
from archive.model.feed import Entry
from archive.records import as_dict
from config.model import Feed
from crawler.extract.article import extract
from crawler.listings import roll
from tests.support.examples import examples

AT = datetime(2026, 9, 29, tzinfo=UTC)

CATEGORIES = ("金融", "新浪财经", "新浪财经－国內")
CHINA = timezone(timedelta(hours=8))
FEED = Feed(id="china", kind="roll", categories=CATEGORIES, lid=1686)
FETCHED = datetime(2026, 10, 1, 4, 5, 6, tzinfo=UTC)

ARTICLE = Article(
    docid="kzxtest0000001",
    url="https://finance.sina.com.cn/china/2026-09-30/doc-ikzxtest0000001.shtml",
    title="央行：'稳'字当头？利率下调0.25%",
    published=datetime(2026, 9, 30, 2, 3, 4, tzinfo=UTC),
    body='<p>　　第一段。</p>\n<p><img src="https://n.sinaimg.cn/a.png" referrerpolicy="no-referrer"></p>',
    image="https://n.sinaimg.cn/a.png",
    fetched_at=FETCHED,
    updated=datetime(2026, 9, 30, 3, 0, 0, tzinfo=UTC),
    media="某日报",
    keywords=("央行", "降息: 0.25%"),
    symbols=("sh600519", "MSFT"),
)

EXPECTED = (
    "\n---\n"
    "title: '央行：''稳''字当头？利率下调0.25%'\n"
    "categories: \n"
    " - 金融\n"
    " - 新浪财经\n"
    " - 新浪财经－国內\n"
    "headimg: 'https://n.sinaimg.cn/a.png'\n"
    "author: 新浪财经\n"
    "comments: false\n"
    "date: Wed, 30 Sep 2026 02:03:04 GMT\n"
    "thumbnail: 'https://n.sinaimg.cn/a.png'\n"
    "---\n"
    "\n"
    "<div>   \n"
    '<p>　　第一段。</p>\n<p><img src="https://n.sinaimg.cn/a.png" referrerpolicy="no-referrer"></p>  \n'
    "</div>\n"
    "            "
)


def posts_of(listing: Path, html: Path) -> dict[str, Post]:
    """The posts that a page gives, with each of the entries of a listing, by docid."""
    entries = roll.read(listing.read_bytes(), "application/json", FEED, AT).entries
    body = html.read_bytes()
    pages = {entry: Page(entry.url, body, "text/html", FETCHED) for entry in entries}
    return {e.docid: render(extract(page, e), CATEGORIES, FEED.author_name) for e, page in pages.items()}


def entry_named_by(html: str, entries: tuple[Entry, ...]) -> Entry:
    return next(entry for entry in entries if f'content="{entry.docid}"' in html)


def test_an_article_of_ours_is_written_byte_for_byte() -> None:
    assert render(ARTICLE, CATEGORIES, "新浪财经").data.decode() == EXPECTED


def test_without_a_picture_the_two_keys_are_empty_strings() -> None:
    head = load(render(replace(ARTICLE, image=None), CATEGORIES, "新浪财经").data)[0]
    assert (head["headimg"], head["thumbnail"]) == ("", "")


def test_the_users_sample_is_written_byte_for_byte(shared: Path) -> None:
    [post] = posts_of(shared / "sample/roll.json", shared / "sample/article.html").values()
    assert post.data == (shared / "sample/sample.md").read_bytes()


def test_every_shared_case_is_written_byte_for_byte(shared: Path) -> None:
    cases = sorted((shared / "cases").glob("*.html"))
    assert cases
    entries = roll.read((shared / "cases/roll.json").read_bytes(), "", FEED, AT).entries
    for html in cases:
        entry = entry_named_by(html.read_text(encoding="utf-8"), entries)
        page = Page(entry.url, html.read_bytes(), "text/html", FETCHED)
        post = render(extract(page, entry), CATEGORIES, FEED.author_name)
        assert post.data == html.with_suffix(".md").read_bytes(), html.name


def test_the_real_page_of_2018_is_written_byte_for_byte(shared: Path) -> None:
    [post] = posts_of(shared / "cases/real-2018.json", shared / "realdata/pages/finance-2018.html").values()
    assert post.data == (shared / "cases/real-2018.md").read_bytes()


def test_the_sample_profile_has_its_eight_keys_and_no_other() -> None:
    head = frontmatter.loads(render(ARTICLE, CATEGORIES, "作者").data.decode()).metadata
    assert head == {
        "title": ARTICLE.title,
        "categories": list(CATEGORIES),
        "headimg": ARTICLE.image,
        "author": "作者",
        "comments": False,
        "date": "Wed, 30 Sep 2026 02:03:04 GMT",
        "thumbnail": ARTICLE.image,
    }


def test_the_extended_profile_loads_to_the_exact_values() -> None:
    head = frontmatter.loads(render(ARTICLE, CATEGORIES, "作者", "extended").data.decode()).metadata
    sample = frontmatter.loads(render(ARTICLE, CATEGORIES, "作者").data.decode()).metadata
    more = {
        "source": ARTICLE.url,
        "docid": "kzxtest0000001",
        "media": "某日报",
        "updated": "Wed, 30 Sep 2026 03:00:00 GMT",
        "keywords": ["央行", "降息: 0.25%"],
        "symbols": ["sh600519", "MSFT"],
        "sha256": hashlib.sha256(ARTICLE.body.encode()).hexdigest(),
    }
    assert head == sample | more
    assert list(head) == [*sample, *more]


def test_the_extended_profile_leaves_empty_what_the_site_did_not_say() -> None:
    bare = replace(ARTICLE, updated=None, media=None, keywords=(), symbols=())
    head = load(render(bare, CATEGORIES, "作者", "extended").data)[0]
    assert (head["updated"], head["media"], head["keywords"], head["symbols"]) == (None, "", [], [])


def test_the_hugo_profile_loads_to_the_exact_values() -> None:
    data = render(ARTICLE, CATEGORIES, "作者", "hugo").data
    assert data.startswith(b"---\n"), "Hugo takes no empty line before the front matter"
    assert frontmatter.loads(data.decode()).metadata == {
        "title": ARTICLE.title,
        "date": datetime(2026, 9, 30, 10, 3, 4, tzinfo=CHINA),
        "lastmod": datetime(2026, 9, 30, 11, 0, 0, tzinfo=CHINA),
        "draft": False,
        "categories": list(CATEGORIES),
        "tags": ["央行", "降息: 0.25%"],
        "author": "作者",
        "images": [ARTICLE.image],
        "source": ARTICLE.url,
        "docid": "kzxtest0000001",
        "media": "某日报",
        "symbols": ["sh600519", "MSFT"],
        "sha256": hashlib.sha256(ARTICLE.body.encode()).hexdigest(),
    }
    assert b"\ndate: 2026-09-30T10:03:04+08:00\n" in data


PICTURED = replace(
    ARTICLE,
    editor="张三",
    original_title="降息0.25%：'稳'字当头",
    pictures=(ArticleImage("https://n.sinaimg.cn/a.png", "央行大楼"), ArticleImage("https://n.sinaimg.cn/b.png")),
)
PAGE_FACTS = {
    "editor": "张三",
    "original_title": "降息0.25%：'稳'字当头",
    "pictures": [
        {"url": "https://n.sinaimg.cn/a.png", "caption": "央行大楼"},
        {"url": "https://n.sinaimg.cn/b.png", "caption": ""},
    ],
}


def test_what_only_some_pages_say_follows_in_the_extended_profile() -> None:
    bare = frontmatter.loads(render(ARTICLE, CATEGORIES, "作者", "extended").data.decode()).metadata
    data = render(PICTURED, CATEGORIES, "作者", "extended").data.decode()
    head = frontmatter.loads(data).metadata
    assert head == bare | PAGE_FACTS
    assert list(head) == [*bare, "editor", "original_title", "pictures"]
    assert (
        "\neditor: '张三'\n"
        "original_title: '降息0.25%：''稳''字当头'\n"
        "pictures:\n"
        "  - url: 'https://n.sinaimg.cn/a.png'\n"
        "    caption: '央行大楼'\n"
        "  - url: 'https://n.sinaimg.cn/b.png'\n"
        "    caption: ''\n"
        "---\n"
    ) in data


def test_hugo_has_it_among_its_params() -> None:
    bare = frontmatter.loads(render(ARTICLE, CATEGORIES, "作者", "hugo").data.decode()).metadata
    head = frontmatter.loads(render(PICTURED, CATEGORIES, "作者", "hugo").data.decode()).metadata
    assert head == bare | {"params": PAGE_FACTS}
    assert list(head) == [*bare, "params"]


def test_the_sample_profile_does_not_know_of_it() -> None:
    assert render(PICTURED, CATEGORIES, "新浪财经").data.decode() == EXPECTED


@pytest.mark.parametrize("name", ["editor", "original_title", "pictures"])
@pytest.mark.parametrize("profile", ["extended", "hugo"])
def test_a_key_is_present_only_if_the_page_has_the_value(name: str, profile: str) -> None:
    some = replace(ARTICLE, **{name: getattr(PICTURED, name)})
    head, bare = (load(render(each, CATEGORIES, "作者", profile).data)[0] for each in (some, ARTICLE))
    facts = {name: PAGE_FACTS[name]}
    assert head == bare | ({"params": facts} if profile == "hugo" else facts)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", "''"),
        ("it's", "'it''s'"),
        ('say "hi" \\ # : {}', "'say \"hi\" \\ # : {}'"),
        ("a\nb", '"a\\U0000000Ab"'),
        ('\x07"\\', '"\\U00000007\\"\\\\"'),
        ("\u2028\ufeff", '"\\U00002028\\U0000FEFF"'),
        ("表情😀", "'表情😀'"),
        ("\ud83d", "'\ufffd'"),
    ],
)
def test_double_quotes_are_used_only_where_a_character_requires_them(text: str, written: str) -> None:
    assert quoted(text) == written


@pytest.mark.parametrize("text", ["金融", "新浪财经－国內", "US stocks", "A股 日报", "Reuters"])
def test_a_plain_scalar_has_no_quotes(text: str) -> None:
    assert scalar(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "no", "true", "null", "~", "1", "2026-09-30", "12:30", "- a", "a: b", "a #b", "a ", " a", "---", "y: ", "=",
     "a\nb", "e1\x85", "NaN", "'a'", "[a]", "!a", "yes"],
)  # fmt: skip
def test_a_scalar_that_yaml_would_read_as_something_else_is_quoted(text: str) -> None:
    head, _ = load(f"---\nkey: {scalar(text)}\n---\n".encode())
    assert head == {"key": text}


@pytest.mark.parametrize("data", [b"", b"no front matter", b"---\ntitle: 'a\n---\n", b"\xff\xfe---\na: b\n---\n"])
def test_what_is_no_file_of_ours_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a front-matter file"):
        load(data)


# Properties. Everything is tried: controls, quotes, line breaks of all kinds, halves of surrogate pairs.
_HARD = st.sampled_from(
    ["'", '"', "\\", "\n", "\r\n", "---", "\n---\n", ": ", " #", "{{", "%", "\t", "\0", "\x85", "\u2028", "\u2029",
     "\ufeff", "\ufffe", "\U0010ffff", "\ud800", "\udfff", "😀", "\u202e", "!!python/object", "&a", "*a", "- ", "? "]
)  # fmt: skip
ANY_TEXT = st.lists(st.one_of(_HARD, st.text(max_size=6)), max_size=6).map("".join)
WORDS = st.lists(ANY_TEXT, max_size=3).map(tuple)
# As the body rules leave it: no control characters but LF.
BODY = ANY_TEXT.map(lambda text: "".join(c for c in text if c == "\n" or not (c < " " or "\x7f" <= c <= "\x9f")))
TIMES = st.datetimes(datetime(1996, 1, 1), datetime(2099, 1, 1)).map(  # noqa: DTZ001 - aware in the next line
    lambda time: time.replace(microsecond=0, tzinfo=UTC)
)


def as_utf8(value: Any) -> Any:
    """A value in UTF-8: lone surrogates become U+FFFD."""
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in value)
    if isinstance(value, dict):
        return {key: as_utf8(part) for key, part in value.items()}
    return value if value is None else [as_utf8(part) for part in value]


@settings(max_examples=examples(150), deadline=None)
@given(
    article=st.builds(
        Article,
        docid=st.from_regex(r"[a-z0-9]{4,40}", fullmatch=True),
        url=ANY_TEXT,
        title=ANY_TEXT,
        published=TIMES,
        body=BODY,
        image=st.none() | ANY_TEXT,
        fetched_at=TIMES,
        updated=st.none() | TIMES,
        media=st.none() | ANY_TEXT,
        keywords=WORDS,
        symbols=WORDS,
        editor=st.none() | ANY_TEXT,
        original_title=st.none() | ANY_TEXT,
        pictures=st.lists(st.builds(ArticleImage, url=ANY_TEXT, caption=ANY_TEXT), max_size=3).map(tuple),
    ),
    categories=st.lists(ANY_TEXT, min_size=1, max_size=3),
    author=ANY_TEXT,
    profile=st.sampled_from(sorted(PROFILES)),
)
def test_whatever_goes_in_loads_back(article: Article, categories: list[str], author: str, profile: str) -> None:
    head, body = load(render(article, categories, author, profile).data)
    assert [head["title"], head["categories"], head["author"]] == as_utf8([article.title, categories, author])
    assert body == as_utf8(f"<div>   \n{article.body}  \n</div>")
    if profile != "sample":
        words = "tags" if profile == "hugo" else "keywords"
        assert [head[words], head["symbols"]] == as_utf8([article.keywords, article.symbols])
        assert [head["source"], head["media"]] == as_utf8([article.url, article.media or ""])
        facts = head.get("params", {}) if profile == "hugo" else head
        assert [facts.get("editor"), facts.get("original_title")] == as_utf8([article.editor, article.original_title])
        assert facts.get("pictures", []) == as_utf8([as_dict(picture) for picture in article.pictures])
    if profile == "hugo":
        assert head["date"] == article.published
    else:
        assert head["headimg"] == as_utf8(article.image or "")
