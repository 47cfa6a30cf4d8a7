"""Back-off of whole hosts: twice as long each time; a Retry-After takes precedence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.model.feed import FailureKind, HostBackoff
from crawler.http.backoff import (
    MAX_REFUSAL_BACKOFF,
    MAX_RETRY_AFTER,
    MAX_UNAVAILABLE_BACKOFF,
    HostBackedOffError,
    HostBackoffs,
)
from tests.support.examples import examples

START = datetime(2026, 9, 30, 2, tzinfo=UTC)
FIRST = timedelta(seconds=10)
HOST = "finance.sina.com.cn"


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, span: timedelta) -> None:
        self.now += span


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backoffs(clock: Clock) -> HostBackoffs:
    return HostBackoffs(FIRST, clock)


def span_after(retry_after: str | None) -> timedelta:
    """Back-off of a host after a first refusal with this Retry-After."""
    reported: list[HostBackoff] = []
    HostBackoffs(FIRST, lambda: START, on_backoff=reported.append).record_refusal(HOST, 429, retry_after)
    return reported[0].until - START


def test_a_host_that_refused_nothing_is_not_backed_off(backoffs: HostBackoffs) -> None:
    backoffs.check(HOST)
    assert backoffs.current(HOST) is None


def test_a_refusal_backs_off_from_the_whole_host_and_no_other(backoffs: HostBackoffs) -> None:
    backoffs.record_refusal(HOST, 456, None)
    assert backoffs.current(HOST) == HostBackoff(
        HOST, START + FIRST, 1, from_retry_after=False, reason="it answered 456"
    )
    with pytest.raises(
        HostBackedOffError, match=rf"^{HOST} is backed off until 2026-09-30 02:00:10 UTC \(it answered 456\)$"
    ):
        backoffs.check(HOST)
    backoffs.check("news.sina.com.cn")


def test_a_backoff_ends_at_its_time(backoffs: HostBackoffs, clock: Clock) -> None:
    backoffs.record_refusal(HOST, 403, None)
    clock.go_on(FIRST - timedelta(milliseconds=1))
    assert backoffs.current(HOST)
    clock.go_on(timedelta(milliseconds=1))
    backoffs.check(HOST)


def test_each_refusal_after_a_backoff_doubles_the_next_up_to_an_hour(backoffs: HostBackoffs, clock: Clock) -> None:
    spans = []
    for _ in range(40):
        backoffs.record_refusal(HOST, 429, None)
        backoff = backoffs.current(HOST)
        assert backoff is not None
        spans.append(backoff.until - clock.now)
        clock.now = backoff.until
    assert spans[:5] == [FIRST * factor for factor in (1, 2, 4, 8, 16)]
    assert set(spans[9:]) == {MAX_REFUSAL_BACKOFF}


def test_refusals_of_requests_sent_before_the_backoff_began_count_once(backoffs: HostBackoffs, clock: Clock) -> None:
    for status in (429, 429, 403):
        backoffs.record_refusal(HOST, status, "3600")
        clock.go_on(timedelta(seconds=1))
    backoff = backoffs.current(HOST)
    assert backoff is not None
    assert (backoff.failures, backoff.until) == (1, START + timedelta(hours=1))


def test_an_answer_sent_before_the_backoff_began_does_not_end_it(backoffs: HostBackoffs) -> None:
    backoffs.record_refusal(HOST, 429, None)
    backoffs.record_answer(HOST)
    assert backoffs.current(HOST)


def test_an_answer_after_the_backoff_ends_it_and_the_count(clock: Clock) -> None:
    answered: list[str] = []
    reported: list[HostBackoff] = []
    backoffs = HostBackoffs(FIRST, clock, on_backoff=reported.append, on_recovery=answered.append)
    backoffs.record_answer(HOST)
    assert answered == [], "a host that did not rest has nothing to end"
    for _ in range(2):
        backoffs.record_refusal(HOST, 429, None)
        clock.go_on(MAX_REFUSAL_BACKOFF)
    backoffs.record_answer(HOST)
    backoffs.record_answer(HOST)
    backoffs.record_refusal(HOST, 429, None)
    assert answered == [HOST]
    assert [backoff.failures for backoff in reported] == [1, 2, 1]


HTTP_DATE = format_datetime(START + timedelta(minutes=5), usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        (HTTP_DATE, 300),
        (HTTP_DATE.replace("GMT", "+0000"), 300),
        (HTTP_DATE.replace("GMT", "-0000"), 300),
        (HTTP_DATE.replace("GMT", ""), 300),
        (format_datetime(START - timedelta(days=1), usegmt=True), 0),  # it is over
        ("1000000", 86_400),  # eleven days are a slip
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
    ],
)
def test_a_retry_after_is_kept_to(retry_after: str, seconds: int) -> None:
    assert span_after(retry_after) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "retry_after", [None, "", " ", "soon", "-5", "1.5", "²", "9" * 30, "9" * 5000, "Wed, 99 Foo"]
)
def test_an_unreadable_retry_after_counts_as_none(retry_after: str | None) -> None:
    assert span_after(retry_after) == FIRST


# A host that is down


def test_a_503_with_a_retry_after_backs_off_from_the_whole_host(clock: Clock) -> None:
    reported: list[HostBackoff] = []
    backoffs = HostBackoffs(FIRST, clock, on_backoff=reported.append)
    backoffs.record_unavailable(HOST, "120")
    backoffs.record_unavailable(HOST, "600")  # of a request sent before
    until = START + timedelta(seconds=120)
    assert reported == [HostBackoff(HOST, until, 1, True, "it answered 503", FailureKind.TEMPORARY)]
    clock.now = until
    backoffs.check(HOST)


@pytest.mark.parametrize("retry_after", [None, "", "soon", "0", "-1", format_datetime(START, usegmt=True)])
def test_a_503_that_says_no_time_is_about_one_page(backoffs: HostBackoffs, retry_after: str | None) -> None:
    for _ in range(20):
        backoffs.record_unavailable(HOST, retry_after)
    backoffs.check(HOST)


def test_a_503_backs_off_for_an_hour_at_most_and_never_doubles(backoffs: HostBackoffs, clock: Clock) -> None:
    for _ in range(5):
        backoffs.record_unavailable(HOST, "99999")
        assert backoffs.remaining(HOST) == MAX_UNAVAILABLE_BACKOFF
        clock.go_on(MAX_UNAVAILABLE_BACKOFF)
    backoffs.record_refusal(HOST, 429, None)
    assert backoffs.remaining(HOST) == 2 * FIRST


def test_the_date_of_a_503_counts_from_the_hosts_own_clock(backoffs: HostBackoffs) -> None:
    wrong = START + timedelta(days=9)
    backoffs.record_unavailable(
        HOST, format_datetime(wrong + timedelta(minutes=5), usegmt=True), format_datetime(wrong, usegmt=True)
    )
    assert backoffs.remaining(HOST) == timedelta(minutes=5)


@settings(max_examples=examples(300), deadline=None)
@given(retry_after=st.text(max_size=40) | st.text(st.sampled_from("0123456789 :,-+GMTSepWdnu"), max_size=30))
def test_whatever_a_host_says_its_backoff_is_bounded(retry_after: str) -> None:
    assert timedelta(0) <= span_after(retry_after) <= MAX_RETRY_AFTER


def test_what_a_host_stated_holds_in_later_runs(clock: Clock) -> None:
    past = HostBackoff(HOST, START + timedelta(hours=3), 4, from_retry_after=True, reason="it answered 429")
    backoffs = HostBackoffs(FIRST, clock, stored=[past])
    assert backoffs.current(HOST) == past
    clock.go_on(timedelta(hours=3))
    assert backoffs.current(HOST) is None


def test_of_a_guess_of_an_earlier_run_only_the_count_holds(clock: Clock) -> None:
    reported: list[HostBackoff] = []
    past = HostBackoff(HOST, START + timedelta(hours=1), 3, from_retry_after=False, reason="it answered 403")
    backoffs = HostBackoffs(FIRST, clock, stored=[past], on_backoff=reported.append)
    backoffs.check(HOST)  # a new run may send one request
    backoffs.record_refusal(HOST, 403, None)
    assert reported == [HostBackoff(HOST, START + FIRST * 8, 4, from_retry_after=False, reason="it answered 403")]


def test_a_past_backoff_is_removed_when_the_host_answers(clock: Clock) -> None:
    answered: list[str] = []
    past = HostBackoff(HOST, START - timedelta(days=1), 7, from_retry_after=True, reason="it answered 403")
    backoffs = HostBackoffs(FIRST, clock, stored=[past], on_recovery=answered.append)
    backoffs.record_answer(HOST)
    assert answered == [HOST]


def test_a_host_that_goes_on_refusing_after_the_backoff_it_stated_is_backed_off_longer(clock: Clock) -> None:
    reported: list[HostBackoff] = []
    backoffs = HostBackoffs(FIRST, clock, on_backoff=reported.append)
    for _ in range(4):
        backoffs.record_refusal(HOST, 429, "0")
        clock.go_on(reported[-1].until - clock.now)
    spans = [timedelta(0), 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert [backoff.until for backoff in reported] == [START + sum(spans[: n + 1], timedelta()) for n in range(4)]


def test_what_another_process_knows_of_a_host_is_adopted(clock: Clock) -> None:
    began: list[HostBackoff] = []
    ended: list[str] = []
    ours = HostBackoffs(FIRST, clock, on_backoff=began.append, on_recovery=ended.append)
    theirs = HostBackoffs(FIRST, clock)
    theirs.record_refusal(HOST, 429, "60")
    for _ in range(3):  # each response that arrives says it again
        ours.adopt(HOST, theirs.state(HOST))
    assert ours.current(HOST) == theirs.current(HOST)
    assert len(began) == 1
    clock.go_on(timedelta(seconds=61))
    ours.adopt(HOST, theirs.state(HOST))
    assert (ours.current(HOST), ended) == (None, [])  # it has not answered yet
    ours.record_refusal(HOST, 429, None)
    assert ours.remaining(HOST) == 2 * FIRST  # the second time
    theirs.record_answer(HOST)
    ours.adopt(HOST, theirs.state(HOST))
    assert (ours.current(HOST), ended) == (None, [HOST])


def test_failures_in_a_row_are_counted_across_processes(clock: Clock) -> None:
    first, second = HostBackoffs(FIRST, clock), HostBackoffs(FIRST, clock)
    for _ in range(4):
        first.record_unreachable(HOST, 1.0, "refused")
    second.adopt(HOST, first.state(HOST))
    second.record_unreachable(HOST, 1.0, "refused")
    assert second.current(HOST) is not None
