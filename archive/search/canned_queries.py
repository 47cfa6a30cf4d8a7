"""Common queries of the index, as SQL with named parameters. Pure.

The web view offers them beside the tables. The parameters are bound, not inserted into the text.
"""

from __future__ import annotations

from msgspec import Struct


class CannedQuery(Struct, frozen=True):
    """A query of the current index."""

    name: str  # part of its URL
    title: str
    description: str
    sql: str


_ARTICLE = """
    v.docid, r.title, v.published, coalesce(f.media, r.media) AS media,
    (SELECT group_concat(feed, ' ') FROM listings WHERE listings.docid = v.docid) AS feeds,
    (SELECT group_concat(value, ' ') FROM json_each(coalesce(f.symbols, r.symbols))) AS symbols,
    r.number AS version, r.fetched_at AS observed, r.url, r.path, r.sha256
FROM searchable AS v JOIN revisions AS r ON r.docid = v.docid AND r.number = v.number
LEFT JOIN searchable_facts AS c ON c.id = v.id
LEFT JOIN facts AS f ON f.docid = c.docid AND f.revision = c.revision AND f.step = c.step
""".strip()

CANNED_QUERIES = (
    CannedQuery(
        "articles_of_day",
        "某日的文章",
        "北京时间某日发布的文章，每篇一行，按最新版；day 如 2026-09-30",
        f"""SELECT {_ARTICLE}
WHERE v.until IS NULL
  AND v.published >= strftime('%Y-%m-%dT%H:%M:%f+00:00', :day || ' 00:00:00', '-8 hours')
  AND v.published < strftime('%Y-%m-%dT%H:%M:%f+00:00', :day || ' 00:00:00', '-8 hours', '+1 day')
ORDER BY v.published""",
    ),
    CannedQuery(
        "articles_of_symbol",
        "某股票的文章",
        "提及某只股票的文章，最新的在前；symbol 如 sh600519",
        f"""SELECT {_ARTICLE}
JOIN symbols AS s ON s.docid = v.docid AND s.number = v.number
WHERE v.until IS NULL AND s.symbol = :symbol
  AND EXISTS (SELECT 1 FROM json_each(coalesce(f.symbols, r.symbols)) WHERE value = :symbol)
ORDER BY v.published DESC""",  # noqa: S608 - of constants
    ),
    CannedQuery(
        "edited_articles",
        "改过的文章",
        "有不止一版的文章，最近改过的在前",
        """SELECT new.docid, old.title AS title_before, new.title,
    old.number AS version_before, new.number AS version,
    old.fetched_at AS observed_before, new.fetched_at AS observed
FROM revisions AS new JOIN revisions AS old ON old.docid = new.docid AND old.number = new.number - 1
WHERE new.number > 1
ORDER BY new.fetched_at DESC""",
    ),
    CannedQuery(
        "deleted_articles",
        "已不存在的文章",
        "存档之后网站上已经没有的文章，最近发现的在前",
        """SELECT docid, title, published, gone, path
FROM entries
WHERE gone IS NOT NULL
ORDER BY gone DESC""",
    ),
    CannedQuery(
        "articles_by_day",
        "每天的文章数",
        "北京时间每天、每个订阅源的文章数，从 since 起；since 如 2026-09-01",
        """SELECT date(v.published, '+8 hours') AS day, listings.feed, count(*) AS articles
FROM searchable AS v JOIN listings ON listings.docid = v.docid
WHERE v.until IS NULL AND v.published >= strftime('%Y-%m-%dT%H:%M:%f+00:00', :since || ' 00:00:00', '-8 hours')
GROUP BY day, listings.feed
ORDER BY day DESC, articles DESC""",
    ),
)
