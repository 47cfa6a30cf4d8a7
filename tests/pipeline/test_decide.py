"""What a fetch means, given the newest version of the article."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from archive.model.article import Article, ArticleImage, Revision
from archive.model.fetch import ArticleState, Decision, Fetch, Outcome
from crawler.extract.fingerprint import fingerprint
from pipeline.decide import decide
from tests.support.fetches import make_fetch

AT = datetime(2026, 9, 29, tzinfo=UTC)
TITLE = "央行下调存款准备金率"
TEXT = "央行今日宣布下调存款准备金率。\n分析人士称，影响有限，后续仍有空间。"
PICTURES = ("https://n.sinaimg.cn/a.png", "https://n.sinaimg.cn/b.png")


def article(text: str = TEXT, title: str = TITLE, pictures: tuple[str, ...] = PICTURES) -> Article:
    """An article with this text, as the extraction returns it."""
    images = tuple(map(ArticleImage, pictures))
    mark = fingerprint(title, text, pictures)
    return Article("a", "https://a.cn/a", title, AT, text, None, AT, pictures=images, text=text, fingerprint=mark)


def state(text: str | None = TEXT, rule: str = "", pictures: tuple[str, ...] = PICTURES) -> ArticleState:
    """An archived article.

    :param rule: number of an older rule that computed its fingerprint; "" for today's
    """
    images = tuple(map(ArticleImage, pictures))
    mark = f"{rule}:ab" if rule else fingerprint(TITLE, text or "", pictures)
    newest = Revision("a", 1, "a/a.md", "00", TITLE, AT, AT, pictures=images, fingerprint=mark)
    return ArticleState(newest, AT, text)


def fetch(content: str | None = None) -> Fetch:
    base = make_fetch("a", AT + timedelta(hours=1), 1)
    return replace(base, pending=replace(base.pending, entry=replace(base.pending.entry, content=content)))


def decided(found: Article, known: ArticleState | None, content: str | None = None) -> Decision:
    return decide(fetch(content), found, known, None)


# Fingerprints by an older rule


@pytest.mark.parametrize("rule", ["2", "1"])
@pytest.mark.parametrize(
    "stored",
    [
        TEXT,
        TEXT.replace("\n", ""),
        TEXT.replace("，", "， ").replace("央", "\u200b央"),
        f"相关专题：降准\n{TEXT}",
        TEXT.replace("\n", "\n扫码下载\n"),
        f"{TEXT}\n新浪声明：仅供参考。",
    ],
)
def test_a_text_with_less_of_the_page_is_the_version_of_an_older_rule(rule: str, stored: str) -> None:
    assert decided(article(), state(stored, rule)).outcome is Outcome.SAME
    assert decided(article(pictures=PICTURES[1:]), state(stored, rule)).outcome is Outcome.SAME


@pytest.mark.parametrize(
    "found",
    [
        article(TEXT.replace("有限", "很大")),
        article(f"{TEXT}\n又及。"),
        article(f"更正：{TEXT}"),
        article("\n".join(reversed(TEXT.split("\n")))),
        article(title="央行上调存款准备金率"),
        article(pictures=("https://n.sinaimg.cn/c.png",)),
        article(pictures=tuple(reversed(PICTURES))),
        article(pictures=(*PICTURES, PICTURES[0])),
    ],
)
def test_an_edit_at_the_time_of_an_update_is_recorded(found: Article) -> None:
    assert decided(found, state(rule="2")).outcome is Outcome.REVISED


def test_a_version_without_a_stored_text_is_compared_by_its_title() -> None:
    assert decided(article("另一段"), state(None, "1")).outcome is Outcome.SAME
    assert decided(article(title="另一题"), state(None, "1")).outcome is Outcome.REVISED


def test_a_text_that_is_gone_is_gone_under_any_rule() -> None:
    for rule in ("", "2"):
        assert decided(article("", pictures=()), state(rule=rule)).outcome is Outcome.GONE
    assert decided(article("", pictures=()), state("", "2")).outcome is Outcome.SAME
