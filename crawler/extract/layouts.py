"""Layouts of Sina's article pages, past and present: selectors for each field.

Every list is tried in order and the first match that is not empty wins, so old layouts keep working when a new one is
added before them. Each layout has a page under tests/pages, with the expected record beside it.
"""

from __future__ import annotations

from msgspec import Struct


class Layout(Struct, frozen=True):
    """A layout of article pages. All fields except the name are selectors."""

    name: str  # its page is tests/pages/NAME.html
    body: str | None  # the article element; None: the article is in the page's scripts (crawler/extract/embedded.py)
    title: str | None = None  # None: the layout has no element for it (also below); the metas may have it
    medium: str | None = None
    published: str | None = None


# Newest first. finance, tech, sports, ent and cj.sina.com.cn use #artibody, news and mil.news #article.
LAYOUTS = (
    Layout("finance-2026", "#artibody", "h1.main-title", ".date-source .source", ".date-source .date"),
    Layout("news-article", "#article", "h1.main-title", ".date-source .source", ".date-source .date"),
    Layout("cj", "#artibody", "h1.main-title", ".date-source .source", ".date-source .date"),
    Layout("finance-2015", ".article_16", "h1#main_title", "span[data-sudaclick=media_name]", ".time-source"),
    Layout("finance-2014", "#artibody", "h1#artibodyTitle", "span[data-sudaclick=media_name]", "#navtimeSource"),
    Layout("before-2014-gb2312", ".blkContainerSblkCon", "h1#artibodyTitle", "#media_name", "#pub_date"),
    Layout("mobile", ".art_content", "h1.art_tit_h1", None, "time.art_time"),
    Layout("slides", None),
    Layout("video", None),
)


def _each(*selectors: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(selector for selector in selectors if selector))


BODY = _each(*(layout.body for layout in LAYOUTS))

# On a page of another site, whose elements may have these names too, the layout's title must be there.
COMMON_NAMES = {layout.body: layout.title for layout in LAYOUTS if layout.body in ("#article", ".art_content")}

TITLE = _each(*(layout.title for layout in LAYOUTS), 'meta[property="og:title"]', "h1")
# The headline that readers see: og:title is often another one.
HEADLINE = _each(*(layout.title for layout in LAYOUTS), "h1")

MEDIUM = _each(
    *(layout.medium for layout in LAYOUTS),
    "#art_source",  # before 2014; on pages with #media_name it has the URL of the source instead
    'meta[name="mediaid"]',
    'meta[property="article:author"]',
)

# span.date always equals create_at and the list's ctime; article:published_time can differ by hours.
PUBLISHED = _each(
    'meta[name="weibo: article:create_at"]',
    *(layout.published for layout in LAYOUTS),
    'meta[property="article:published_time"]',
)

UPDATED = ('meta[name="weibo: article:update_at"]', 'meta[property="bytedance:updated_time"]')

# The page's tags: all of them in the attribute; as links; "Keywords" before 2014.
KEYWORDS = ("#keywords[data-wbkey]", ".keywords a", 'meta[name="keywords" i]')

POSTER = 'meta[property="og:image"]'
