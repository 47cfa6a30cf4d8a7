"""What a fetch means, given the newest version of the article."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from archive.model.article import Article, ArticleImage, PageFacts, Revision, TextSource
from archive.model.feed import Failure, FailureKind
from archive.model.fetch import DECISION_RULE, ArticleState, Decision, Fetch, Outcome
from crawler.extract.fingerprint import fingerprint
from pipeline.decide import (
    LAST_RULE_WITH_EMPTY_LINE,
    LAST_RULE_WITH_FIXED_PATHS,
    LAST_RULE_WITH_RAW_NAMES,
    LAST_RULE_WITH_RAW_SYMBOLS,
    MAX_REVISIONS,
    decide,
)
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


# Notices of deletion


def test_a_notice_with_other_words_instead_of_the_text_is_a_deletion() -> None:
    found = decided(article("该文章已被删除，详情请拨打4000520066。"), state())
    assert (found.outcome, found.kind, found.post) == (Outcome.GONE, FailureKind.GONE, None)
    assert found.evidence == "the page says 该文章已被删除, and its text is gone"


def test_a_deletion_is_recorded_under_an_older_rule_and_at_the_limit_of_versions() -> None:
    notice = article("该文章已被删除，详情请拨打4000520066。")
    assert decided(notice, state(rule="2")).outcome is Outcome.GONE
    full = state()
    full = replace(full, revision=replace(full.revision, number=MAX_REVISIONS))
    assert decided(notice, full).outcome is Outcome.GONE
    assert decided(article("又及。"), full).outcome is Outcome.SAME


def test_a_short_text_that_stays_the_same_is_no_deletion() -> None:
    text = "该文章已被删除，公司致歉。"
    assert decided(article(text), state(text)).outcome is Outcome.SAME
    assert decided(article(text), None).outcome is Outcome.FIRST


def test_a_text_of_a_listing_is_never_replaced_by_a_notice() -> None:
    found = decided(article("该文章已被删除，公司致歉。"), state(), content="<p>该文章已被删除，公司致歉。</p>")
    assert found.outcome is Outcome.REVISED


def test_a_first_fetch_that_finds_a_notice_is_retried_and_then_parked() -> None:
    gone = Failure("a", FailureKind.GONE, "the page says 该文章已被删除, with status 200")
    first = decide(fetch(), gone, None, None)
    assert first.outcome is Outcome.GONE
    assert first.due is not None
    assert decide(fetch(), gone, state(), None).outcome is Outcome.GONE


# The text in the feed instead of the page's


LISTED = replace(article("某行长表示将根据物价情况继续加息。"), text_from=TextSource.FEED, text_note="why")


def failed(kind: FailureKind) -> Failure:
    return Failure("a", kind, "why", listed=LISTED)


def from_feed(found: Article | Failure, known: ArticleState | None = None, attempts: int = 0) -> Decision:
    base = fetch()
    pending = replace(base.pending, attempts=attempts, first_seen=AT - timedelta(days=9))
    return decide(replace(base, pending=pending), found, known, None)


def test_a_page_without_an_article_is_replaced_by_the_text_in_the_feed() -> None:
    decision = from_feed(failed(FailureKind.UNREADABLE))
    assert decision.outcome is Outcome.FIRST
    assert decision.revision is not None
    assert (decision.revision.text_from, decision.revision.text_note) == (TextSource.FEED, "why")


@pytest.mark.parametrize("kind", [FailureKind.TEMPORARY, FailureKind.BLOCKED, FailureKind.REFUSED, FailureKind.GONE])
def test_a_page_that_cannot_be_had_is_tried_again_before_the_text_in_the_feed_is_taken(
    kind: FailureKind,
) -> None:
    first = from_feed(failed(kind))
    assert (first.outcome in (Outcome.FAILED, Outcome.GONE), first.due is not None) == (True, True)
    assert from_feed(failed(kind), attempts=99).outcome is Outcome.FIRST


def test_a_page_that_was_read_before_is_not_replaced_by_the_text_in_the_feed() -> None:
    assert from_feed(failed(FailureKind.UNREADABLE), state()).outcome is Outcome.FAILED
    assert from_feed(failed(FailureKind.GONE), state()).outcome is Outcome.GONE
    assert from_feed(LISTED, state()).outcome is Outcome.FAILED


def test_a_page_that_can_be_read_at_last_makes_a_version() -> None:
    before = state(LISTED.text, pictures=PICTURES)
    before = replace(before, revision=replace(before.revision, text_from=TextSource.FEED))
    assert from_feed(failed(FailureKind.UNREADABLE), before).outcome is Outcome.SAME
    assert from_feed(failed(FailureKind.GONE), before).outcome is Outcome.SAME
    assert from_feed(article(), before).outcome is Outcome.REVISED


# Titles in a wrong charset


MISREAD = TITLE.encode().decode("latin-1")


def misread(rule: int = DECISION_RULE) -> Decision:
    before = state()
    before = replace(before, revision=replace(before.revision, title=MISREAD, fingerprint="x", path="a/broken_a.md"))
    base = fetch()
    pending = replace(base.pending, entry=replace(base.pending.entry, title=TITLE))
    return decide(replace(base, pending=pending, rule=rule), article(), before, None)


def test_the_file_of_a_title_in_a_wrong_charset_gets_the_path_of_the_right_one() -> None:
    post = misread().post
    assert post is not None
    assert TITLE in str(post.path)
    assert str(post.moved_from) == "a/broken_a.md"
    assert str(post.supersedes) == ".finarchive/history/a/broken_a.1.md"


def test_a_fetch_of_an_older_rule_keeps_the_path() -> None:
    post = misread(LAST_RULE_WITH_FIXED_PATHS).post
    assert post is not None
    assert (str(post.path), post.moved_from) == ("a/broken_a.md", None)


def test_an_edited_title_keeps_the_path() -> None:
    post = decided(article("央行今日宣布，明日上调存款准备金率。", "央行上调存款准备金率"), state()).post
    assert post is not None
    assert (str(post.path), post.moved_from) == ("a/a.md", None)


# Titles in HTML


def test_a_title_in_html_is_text_in_the_index_and_in_the_name_and_html_in_the_file() -> None:
    raw = "样例&#x2022;R&amp;D"
    base = fetch()
    pending = replace(base.pending, entry=replace(base.pending.entry, title=raw))
    for rule, name in ((DECISION_RULE, "样例•R&D"), (LAST_RULE_WITH_RAW_NAMES, "样例&#x2022;R&amp;D")):
        decision = decide(replace(base, pending=pending, rule=rule), article(title=raw), None, None)
        assert decision.revision is not None
        assert decision.post is not None
        assert (decision.revision.title, decision.revision.raw_title) == ("样例•R&D", raw)
        assert decision.post.path.name.startswith(name)
        assert f"title: '{raw}'".encode() in decision.post.data


def test_a_title_of_another_site_is_text_already() -> None:
    base = fetch()
    pending = replace(base.pending, entry=replace(base.pending.entry, title="R&amp;D", foreign=True))
    decision = decide(replace(base, pending=pending), article(title="R&amp;D"), None, None)
    assert decision.revision is not None
    assert (decision.revision.title, decision.revision.raw_title) == ("R&amp;D", None)


def test_an_unchanged_title_in_html_makes_no_version() -> None:
    raw = "样例&#x2022;R&amp;D"
    known = state()
    mark = fingerprint(raw, TEXT, PICTURES)
    newest = replace(known.revision, title="样例•R&D", raw_title=raw, fingerprint=mark)
    known = replace(known, revision=newest, stated=PageFacts(title="样例•R&D"), listed_title=raw)
    base = fetch()
    pending = replace(base.pending, entry=replace(base.pending.entry, title=raw))
    decision = decide(replace(base, pending=pending), article(title=raw), known, None)
    assert decision.outcome is Outcome.SAME


def test_files_of_older_fetches_have_the_symbols_as_written() -> None:
    found = replace(article(), symbols=("fx_susdthb",), raw_symbols=("foreignfx_susdthb",))
    for rule, symbol in ((DECISION_RULE, b"'fx_susdthb'"), (LAST_RULE_WITH_RAW_SYMBOLS, b"'foreignfx_susdthb'")):
        base = fetch()
        rules = replace(base.rules, profile="extended")
        decision = decide(replace(base, rules=rules, rule=rule), found, None, None)
        assert decision.post is not None
        assert decision.revision is not None
        assert symbol in decision.post.data
        assert decision.revision.symbols == ("fx_susdthb",)


def test_files_of_older_fetches_begin_as_they_did() -> None:
    for profile, rule, begin in (
        ("extended", DECISION_RULE, b"---\n"),
        ("extended", LAST_RULE_WITH_EMPTY_LINE, b"\n---\n"),
        ("hugo", LAST_RULE_WITH_EMPTY_LINE, b"---\n"),
        ("sample", DECISION_RULE, b"\n---\n"),
    ):
        base = fetch()
        rules = replace(base.rules, profile=profile)
        decision = decide(replace(base, rules=rules, rule=rule), article(), None, None)
        assert decision.post is not None
        assert decision.post.data.startswith(begin)
