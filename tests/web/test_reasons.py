"""Reasons on Chinese pages are in Chinese, whatever they are put together from."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.model.feed import FailureKind, FeedHistory, Filing, Gap, HostBackoff
from crawler.http import failures, status
from pipeline.decide import CUT, NO_TEXT
from scheduler.policy.arrival_rate import EMPTY
from scheduler.policy.feed_state import close_gap, decide
from web.rendering import language
from web.rendering.reasons import FORMS, chinese, reason

NOW = datetime(2026, 9, 30, 4, tzinfo=UTC)
# What Chinese texts have of the program's and of protocols' own names.
NAMES = re.compile(
    r"finarchive crawl|network\.\w+|robots\.txt|endpoint|\[network\]|true|false|HTML|JSON|RSS|Atom|UTC|a\.cn|https?://\S+"
)
ERRORS = [
    "status 403: the host refuses requests", "status 404: no such page", "status 503", "a.cn refused the connection",
    "the answer is HTML, not JSON", "the name a.cn could not be resolved: is there a network?",
    "robots.txt of a.cn answers 503: nothing is allowed for now",
]  # fmt: skip
AGES = st.integers(0, 40 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


def english_words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{2,}", NAMES.sub("", text))


@given(
    error=st.sampled_from([None, *ERRORS]),
    kind=st.sampled_from(FailureKind),
    ages=st.tuples(AGES, AGES, AGES),
    backoff=st.sampled_from([None, "it answered 403", "unreachable: a.cn refused the connection"]),
    listed=st.booleans(),
    moved=st.sampled_from([None, "https://b.cn/list"]),
)
def test_the_reason_of_every_state_of_a_feed(
    *,
    error: str | None,
    kind: FailureKind,
    ages: tuple[timedelta, timedelta, timedelta],
    backoff: str | None,
    listed: bool,
    moved: str | None,
) -> None:
    polled, succeeded, newest = (NOW - age for age in ages)
    history = FeedHistory(
        "china", Filing(("a",), "a"), polled, succeeded, newest, error, kind if error else None, moved_to=moved
    )
    rest = HostBackoff("a.cn", NOW + timedelta(hours=1), 1, False, backoff) if backoff else None
    state = decide(history, rest, EMPTY, timedelta(minutes=5), NOW, listed=listed)
    assert english_words(chinese(state.reason)) == [], state.reason


def test_a_feed_without_a_history_and_a_gap() -> None:
    texts = [decide(None, None, EMPTY, timedelta(minutes=5), NOW, listed=False).reason]
    gap = Gap("china", NOW - timedelta(hours=9), NOW)
    for oldest, enabled in ((None, False), (NOW - timedelta(hours=3), True)):
        texts.append(close_gap(gap, oldest, enabled=enabled).why_not or "")
    texts[1] = texts[1].replace("china", "a.cn")
    assert [english_words(chinese(text)) for text in texts] == [[], [], []]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NO_TEXT, "正文没有了：页面还在，内容是空的"),
        (CUT, "页面在结束标记 </html> 之前断了"),
        ("the page says 该文章已被删除, with status 200", "页面写着“该文章已被删除”，状态码 200"),
        ("status 503; the daemon polls it again, finarchive crawl does so at once",
         "状态码 503；守护进程会再次读取，finarchive crawl 立即读取"),
        ("something new; status 404: no such page", "something new；状态码 404：没有这个页面"),
        ("something new", "something new"),
        ("", ""),
    ],
)  # fmt: skip
def test_reasons_of_fetches(text: str, expected: str) -> None:
    assert chinese(text) == expected


def test_a_list_that_is_silent() -> None:
    silence = "it answers, but its newest article was 50 hours old when it last did"
    advice = "the list may have moved, check its address; polling continues"
    rate = ", and at its usual rate some 12 should have arrived since"
    for text in (f"{silence}: {advice}", f"{silence}{rate}: {advice}"):
        assert english_words(chinese(text)) == []
    assert "约 12 篇" in chinese(f"{silence}{rate}: {advice}")


def test_what_requests_fail_with() -> None:
    of_status = [status.of_status(code, "x", "https://b.cn/") for code in (204, 302, 403, 404, 500)]
    of_errors = [failures.of_exception(kind("x"), "x", "a.cn") for kind, *_ in failures._MEANINGS[:5]]
    for failure in (*of_status, *of_errors):
        assert failure
        assert english_words(chinese(failure.reason)) == [], failure.reason


def test_each_form_has_its_parts_in_both_languages() -> None:
    for english, form in FORMS.items():
        assert english.count("{}") == form.count("{}"), english


def test_a_page_in_english_has_the_reason_as_it_is_and_markup_is_text() -> None:
    with language.use("en"):
        assert reason("status 404: no such page") == "status 404: no such page"
    assert reason("status 404: no such page") == "状态码 404：没有这个页面"
    assert reason("<b>") == '<span lang="en">&lt;b&gt;</span>'


@given(st.text(max_size=60), st.sampled_from(sorted(FORMS)))
def test_no_text_is_too_odd(text: str, form: str) -> None:
    chinese(text)
    chinese(form.replace("{}", text))
