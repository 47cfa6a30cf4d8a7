from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from config.cron import CHINA, check_cron, next_time

SUBJECT = r"^(must|never|minute|hour|day|month|weekday) "
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def china(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=CHINA)  # type: ignore[arg-type,misc]


TUESDAY = china(2026, 11, 24, 12, 0)


# What is accepted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("*/10 9-16 * * mon-fri", "*/10 9-16 * * mon-fri"),
        ("  0\t0 1,15 JAN-Mar\n* ", "0 0 1,15 jan-mar *"),
        ("*/59 */23 */30 */11 */6", "*/59 */23 */30 */11 */6"),
        ("0-59 0-23 1-31 1-12 0-7", "0-59 0-23 1-31 1-12 0-7"),
        ("05 09 * * 5-7", "05 09 * * 5-7"),
        ("0 0 29 2 *", "0 0 29 2 *"),
        ("0 0 31 2,3 *", "0 0 31 2,3 *"),
        ("0 0 30,31 feb-apr *", "0 0 30,31 feb-apr *"),
    ],
)
def test_expressions_of_cron_pass(text: str, kept: str) -> None:
    assert check_cron(text) == kept


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have five fields (minute hour day month weekday), such as"),
        ("* * * *", 'such as "*/10 9-16 * * mon-fri", not 4'),
        ("0 */10 9-16 * * mon-fri", "not 6"),  # seconds cannot be written
        ("@hourly", "not 1"),
        ("60 * * * *", "minute must be within 0-59, not '60'"),
        ("1,60 * * * *", "minute must be within 0-59, not '60'"),
        ("-1 * * * *", "minute must be *, or values of 0-59, ranges and steps such as 0-59/2, not '-1'"),
        ("0 24 * * *", "hour must be within 0-23, not '24'"),
        ("0 0 0 * *", "day must be within 1-31, not '0'"),
        ("0 0 32 * *", "day must be within 1-31, not '32'"),
        ("0 0 L * *", "day must be within 1-31, not 'l'"),
        ("0 0 last * *", "day must be *, or values of 1-31, ranges and steps such as 1-31/2, not 'last'"),
        ("0 0 ? * mon", "day must be *, or values"),
        ("0 0 15w * *", "day must be within 1-31, not '15w'"),
        ("0 0 * 13 *", "month must be within 1-12 or jan-dec, not '13'"),
        ("0 0 * mon *", "month must be within 1-12 or jan-dec, not 'mon'"),
        ("0 0 * * 8", "weekday must be within 0-7 or sun-sat, not '8'"),
        ("0 0 * * monday", "weekday must be *, or values of 0-7 or sun-sat"),
        ("0 0 * * mon#2", "weekday must be *, or values"),
        ("0 22-2 * * *", "hour must not run backwards, as '22-2' does: write 22-23,0-2"),
        ("0 0 * nov-feb *", "month must not run backwards, as 'nov-feb' does: write nov-12,1-feb"),
        ("5/10 * * * *", "minute must have a range for its step: write 5-59/10, not '5/10'"),
        ("5-5/1 * * * *", "minute must have a range for its step: write 5-59/1, not '5-5/1'"),
        ("*/0 * * * *", "minute must have a step of 1 to 59, not 0 as in '*/0'"),
        ("*/90 * * * *", "minute must have a step of 1 to 59, not 90 as in '*/90'"),
        ("*/120 * * * *", "minute must have a step of 1 to 59, not 120 as in '*/120'"),
        ("0 9-16/8 * * *", "hour must have a step of 1 to 7, not 8 as in '9-16/8'"),
        ("0 0 * * */7", "weekday must have a step of 1 to 6, not 7"),
        ("1,,2 * * * *", "minute must be *, or values of 0-59, ranges and steps such as 0-59/2, not ''"),
        ("1-2-3 * * * *", "minute must be *"),
        ("٥ * * * *", "minute must be *"),
        ("9" * 9999 + " * * * *", "minute must be *"),
        ("0 0 31 2 *", "never comes: no month in '2' has a day in '31'"),
        ("0 0 30-31 feb *", "never comes: no month in 'feb' has a day in '30-31'"),
        ("0 0 31 apr,6,sep,nov *", "never comes: no month in 'apr,6,sep,nov' has a day in '31'"),
        ("0 0 31 " + "2," * 999 + "2 *", "never comes"),
        ("0 0 30 2 mon", "never comes"),  # the weekday would come, the day that was written as well never does
    ],
)
def test_what_is_wrong_is_reported_with_its_field_and_what_is_right(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=SUBJECT) as caught:
        check_cron(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200
    with pytest.raises(ValueError, match=SUBJECT):
        next_time(text, TUESDAY)


# When it comes


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        # China time, whatever the zone of the argument.
        ("0 9 * * *", datetime(2026, 11, 24, 0, 59, tzinfo=UTC), datetime(2026, 11, 24, 1, 0, tzinfo=UTC)),
        ("0 0 * * mon", datetime(2026, 11, 22, 15, 59, tzinfo=UTC), datetime(2026, 11, 22, 16, 0, tzinfo=UTC)),
        ("*/10 9-16 * * mon-fri", china(2026, 11, 27, 16, 50), china(2026, 11, 30, 9, 0)),
        # Strictly after, to the microsecond.
        ("* * * * *", china(2026, 11, 24, 12, 0), china(2026, 11, 24, 12, 1)),
        ("* * * * *", china(2026, 11, 24, 11, 59, 59, 999_999), china(2026, 11, 24, 12, 0)),
        ("* * * * *", china(2026, 11, 24, 12, 0, 0, 1), china(2026, 11, 24, 12, 1)),
        ("59 23 31 12 *", china(2026, 12, 31, 23, 59), china(2027, 12, 31, 23, 59)),
        # Weekdays count from Sunday, which is 7 as well.
        ("0 0 * * 0", TUESDAY, china(2026, 11, 29)),
        ("0 0 * * 7", TUESDAY, china(2026, 11, 29)),
        ("0 0 * * 1", TUESDAY, china(2026, 11, 30)),
        ("0 0 * * 3-5", TUESDAY, china(2026, 11, 25)),
        ("0 0 * * 6-7", china(2026, 11, 28), china(2026, 11, 29)),
        ("0 0 * * fri-mon", china(2026, 11, 30), china(2026, 12, 4)),
        ("0 0 * * fri-sun", china(2026, 11, 29), china(2026, 12, 4)),
        ("0 0 * * */2", TUESDAY, china(2026, 11, 26)),  # Sunday, Tuesday, Thursday, Saturday
        ("0 0 * * mon-fri/2", TUESDAY, china(2026, 11, 25)),  # Monday, Wednesday, Friday
        # Day or weekday, unless one begins with "*".
        ("0 0 13 * fri", TUESDAY, china(2026, 11, 27)),
        ("0 0 13 * fri", china(2026, 12, 11), china(2026, 12, 13)),
        ("0 0 */2 * mon", TUESDAY, china(2026, 12, 7)),
        ("0 0 13 * */6", TUESDAY, china(2026, 12, 13)),  # a 13th that is a Sunday or a Saturday
        ("0 0 13 * *", TUESDAY, china(2026, 12, 13)),
        # Days that not every month has, and years that are no leap years.
        ("0 0 31 * *", china(2027, 1, 31), china(2027, 3, 31)),
        ("0 0 29 2 *", TUESDAY, china(2028, 2, 29)),
        ("0 0 29 2 *", china(2096, 2, 29), china(2104, 2, 29)),
    ],
)
def test_next_time(cron: str, after: datetime, expected: datetime) -> None:
    found = next_time(cron, after)
    assert found == expected
    assert found.tzinfo is UTC


class Written(NamedTuple):
    """A field as it is written, and the numbers it means."""

    text: str
    numbers: frozenset[int]


@st.composite
def items(draw: st.DrawFn, least: int, most: int, names: tuple[str, ...]) -> Written:
    first, last = sorted(draw(st.lists(st.integers(least, most), min_size=2, max_size=2, unique=True)))
    step = draw(st.integers(1, last - first))
    begin, end = ((names[number - least] if names else str(number)) for number in (first, last))
    written = [
        (begin, range(first, first + 1)),
        (f"{begin}-{end}", range(first, last + 1)),
        (f"{first}-{end}/{step}", range(first, last + 1, step)),
    ]
    text, numbers = draw(st.sampled_from(written))
    return Written(text, frozenset(numbers))


def joined(parts: list[Written]) -> Written:
    return Written(",".join(part.text for part in parts), frozenset().union(*(part.numbers for part in parts)))


def fields(least: int, most: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[Written]:
    some = st.lists(items(least, most, names), min_size=1, max_size=3).map(joined)
    return st.one_of(st.just(Written("*", frozenset(range(least, most + 1)))), some)


EXPRESSIONS = st.tuples(fields(0, 59), fields(0, 23), fields(1, 31), fields(1, 12), fields(0, 6, DAYS))
TIMES = st.integers(946_684_800, 4_102_444_800).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)  # this century


@settings(deadline=None)  # the first example imports APScheduler
@given(EXPRESSIONS, TIMES)
def test_next_time_is_after_and_fits_and_nothing_between_does(parts: tuple[Written, ...], after: datetime) -> None:
    minute, hour, day, month, weekday = parts
    assume(min(day.numbers) < 29 or month.numbers - {2, 4, 6, 9, 11})  # else it may never come
    found = next_time(" ".join(each.text for each in parts), after)

    def is_day(time: datetime) -> bool:
        fit = (time.day in day.numbers, time.isoweekday() % 7 in weekday.numbers)
        either = "*" not in (day.text, weekday.text)
        return time.month in month.numbers and (any(fit) if either else all(fit))

    start, here = after.astimezone(CHINA), found.astimezone(CHINA)
    assert found > after
    assert (here.second, here.microsecond) == (0, 0)
    assert is_day(here)
    # It is the first remaining time of its day, and no earlier day has one.
    times = [(h, m) for h in sorted(hour.numbers) for m in sorted(minute.numbers)]
    left = [time for time in times if time > (start.hour, start.minute)]
    assert (here.hour, here.minute) == (left if here.date() == start.date() else times)[0]
    assert here.date() == start.date() or not (is_day(start) and left)
    between = (start + timedelta(days=n) for n in range(1, (here.date() - start.date()).days))
    assert not any(is_day(time) for time in between)
