"""What Sina's article pages have looked like, and look like now: where each fact stands.

Every list is tried in its order and the first that is not empty wins, so a layout of the past keeps working when
a new one is put before it. Each layout has a page under tests/pages.
"""

from __future__ import annotations

# The article element. finance, tech, sports, ent and cj.sina.com.cn use #artibody, news and mil.news #article;
# .article_16 is of 2014-2016, .blkContainerSblkCon of before 2014, .art_content of the mobile finance.sina.cn.
BODY = ("#artibody", "#article", ".article_16", ".blkContainerSblkCon", ".art_content")

TITLE = ("h1.main-title", "h1#artibodyTitle", "h1.art_tit_h1", 'meta[property="og:title"]', "h1")

MEDIUM = (
    ".date-source .source",
    "#media_name",
    "#art_source",
    "span[data-sudaclick=media_name]",
    'meta[name="mediaid"]',
    'meta[property="article:author"]',
)

# span.date always equals create_at and the list's ctime; article:published_time can differ by hours.
PUBLISHED = (
    'meta[name="weibo: article:create_at"]',
    ".date-source .date",
    ".time-source",
    "#navtimeSource",
    "#pub_date",
    "time.art_time",
    'meta[property="article:published_time"]',
)

UPDATED = ('meta[name="weibo: article:update_at"]', 'meta[property="bytedance:updated_time"]')

KEYWORDS = ("#keywords", 'meta[name="keywords" i]')  # "Keywords" before 2014

# What Sina answers with status 200 where there is no such article.
GONE = "页面没有找到"
