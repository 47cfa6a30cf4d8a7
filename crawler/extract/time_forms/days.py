"""The day in a text, in the forms that a year, a month's name or a word gives it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from crawler.extract.time_forms.wording import plain_text

# English months by their first letters, which those of other languages share: 30 May, noviembre, Januar.
_STEMS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# French and Spanish months that begin in other ways. These are whole words: "ene" begins other words too.
_WORDS = {
    "fevrier": 2, "fevr": 2, "fev": 2, "avril": 4, "avr": 4, "mai": 5, "juin": 6, "juillet": 7, "juil": 7, "aout": 8,
    "enero": 1, "ene": 1, "abril": 4, "abr": 4, "agosto": 8, "ago": 8, "septiembre": 9, "setiembre": 9,
    "diciembre": 12, "dic": 12,
}  # fmt: skip
_MONTHS = {name: number for number, name in enumerate(_STEMS, start=1)} | _WORDS
_ORDINAL = "(?:er|o|st|nd|rd|th)?"
_OF = "(?: (?:del?|of) |[ /-])"
_MONTH = f"(?:({'|'.join(_WORDS)})(?![a-z])|({'|'.join(_STEMS)})[a-z]{{0,6}})"
# The forms that have a year, each with groups of these names: y, m and d, or what stands for a month and a day.
_WRITTEN = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(?<!\d)(?P<y>\d{4}) ?[-/.年년] ?(?P<m>\d{1,2}) ?[-/.月월] ?(?P<d>\d{1,2})(?!\d) ?[日일]?",
        r"(?<!\d)(?P<y>\d{4})-?w(?P<week>\d{2})-?(?P<weekday>[1-7])(?!\d)",
        rf"(?<!\d)(?P<d>\d{{1,2}}){_ORDINAL}{_OF}{_MONTH}\.?,?{_OF}(?P<y>\d{{4}}|\d{{2}})(?!\d)",
        rf"\b{_MONTH}\.? (?P<d>\d{{1,2}}) (?P<clock>\d\d:\d\d:\d\d(?: [a-z]{{3,4}})?) (?P<y>\d{{4}})(?!\d)",
        rf"\b{_MONTH}\.? (?P<d>\d{{1,2}}){_ORDINAL},?(?: de)? (?P<y>\d{{4}})(?!\d)",
        r"(?<!\d)(?P<d>\d{1,2}) (?P<m>\d{1,2})月,? (?P<y>\d{4})(?!\d)",
        r"(?<!\d)(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?!\d)",
        r"(?<!\d)(?P<one>\d{1,2})(?P<by>[/-])(?P<other>\d{1,2})(?P=by)(?P<y>\d{4})(?!\d)",
    )
)
# Forms of digits alone, which other numbers have too: only where a text is a time and nothing else.
_COMPACT = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(?<!\d)(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?=$|[t ]|\d{6}(?!\d)|\d{4}(?!\d))",
        r"^(?P<y>\d{4})-(?P<number>\d{3})(?=$|t\d| \d{1,2}:)",
    )
)
_DAY_OF_YEAR = re.compile(r"(?<!\d)(\d{1,2})(?:[月월] ?|-|/)(\d{1,2})(?:[日일]|(?= \d{1,2}:))", re.ASCII)
_NAMED_DAYS = {
    "今天": 0, "今日": 0, "today": 0, "오늘": 0, "昨天": 1, "昨日": 1, "yesterday": 1, "어제": 1, "前天": 2,
    "前日": 2, "그저께": 2, "그제": 2,
}  # fmt: skip
_NAMED_DAY = re.compile("|".join(_NAMED_DAYS))
_YEAR_DIGITS, _MAX_MONTH = 4, 12
_REST = re.compile(r"[^,;、|]{0,24}")  # what follows a day in running text: its time of day


class FoundDay(NamedTuple):
    """A day in a text."""

    day: date
    before: str
    clock: str  # the time of day inside it: Sat May 30 12:00:33 2026
    after: str


def find_day(text: str, today: date) -> FoundDay | None:
    """Return the day in a text; None if there is none, or if it may be two days, as 05/06/2026.

    :param text: as from :func:`~crawler.extract.time_forms.wording.plain_text`
    :param today: what 昨天 is relative to; a day without a year is the last such day until then
    :raises ValueError: there is no such day, such as the 30th of February
    """
    day: date | None = None
    match = next(filter(None, (pattern.search(text) for pattern in (*_WRITTEN, *_COMPACT))), None)
    if match:
        day = _day_of(match)
    elif match := _NAMED_DAY.search(text):
        day = today - timedelta(days=_NAMED_DAYS[match[0]])
    elif match := _DAY_OF_YEAR.search(text):
        day = _last_day(int(match[1]), int(match[2]), today)
    if match is None or day is None:
        return None
    clock = match.groupdict().get("clock") or ""
    return FoundDay(day, text[: match.start()], clock, text[match.end() :])


def written_days(text: str) -> Iterator[str]:
    """Yield each day with a year in running text, with what follows it on its line: 2026年9月28日 23:20."""
    for line in text.split("\n"):
        plain = plain_text(line)
        matches = (match for pattern in _WRITTEN for match in pattern.finditer(plain))
        for match in sorted((each for each in matches if len(each["y"]) == _YEAR_DIGITS), key=re.Match.start):
            rest = _REST.match(plain, match.end())
            yield match[0] + (rest[0] if rest else "")


def _day_of(match: re.Match[str]) -> date | None:
    """Return the day that a match of a form with a year states; None if it may be two days."""
    groups = match.groupdict()
    year = int(groups["y"])
    year += 0 if year > 99 else 2000 if year < 70 else 1900
    if groups.get("week"):
        return date.fromisocalendar(year, int(groups["week"]), int(groups["weekday"]))
    if groups.get("number"):
        return _numbered_day(year, int(groups["number"]))
    if groups.get("one"):
        one, other = sorted((int(groups["one"]), int(groups["other"])))
        # 30/11 and 11/30 are one day, and so is 5/5; 05/06 may be two.
        return date(year, one, other) if other > _MAX_MONTH or one == other else None
    month = int(groups["m"]) if groups.get("m") else _MONTHS[next(each for each in match.groups() if each in _MONTHS)]
    return date(year, month, int(groups["d"]))


def _numbered_day(year: int, number: int) -> date:
    day = date(year, 1, 1) + timedelta(days=number - 1)
    if day.year != year:
        raise ValueError(f"{year} has no day {number}")
    return day


def _last_day(month: int, number: int, today: date) -> date | None:
    """Return the last day of this name until today; None if there was none in four years."""
    years = [year for year in range(today.year, today.year - 5, -1) if _is_past(year, month, number, today)]
    return date(years[0], month, number) if years else None


def _is_past(year: int, month: int, number: int, today: date) -> bool:
    try:
        return date(year, month, number) <= today
    except ValueError:  # the 29th of February
        return False
