"""Days in running text, as on a page that states its time of publication in no other way."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.model.feed_values import Precision
from crawler.extract.time_forms.days import written_days
from crawler.extract.time_forms.zones import CHINA
from crawler.extract.times import StatedTime, read_time
from tests.crawler.test_times import AT, FORMS
from tests.support.examples import examples

NOW = datetime(2030, 1, 1, tzinfo=UTC)
# The forms that pages were searched for before there was one table of forms.
NUMERIC = re.compile(r"(?<!\d)(?:19|20)\d\d ?[-/.年] ?\d{1,2} ?[-/.月] ?\d{1,2}(?!\d)[^\n，,；;、|]{0,24}")
# In running text these are other numbers too, or the day is not in it.
ONLY_ALONE = re.compile(r"\d{8}|\d{9}|\d{4}-\d{3}\D|\D26 |\d{10,}|^[今5오]|^05-30")


def readings(texts: list[str]) -> list[StatedTime]:
    found = [read_time(text, zone=CHINA, now=NOW) for text in texts]
    return [each for each in found if each]


@pytest.mark.parametrize("form", [form for form in FORMS if not ONLY_ALONE.search(form)])
def test_each_form_with_a_year_is_found_between_other_words(form: str) -> None:
    found = readings(list(written_days(f"样例社\n来源：样例社 {form}\n阅读 2,026")))
    assert found
    assert found[0].at.astimezone(CHINA).date() == AT.astimezone(CHINA).date()


_NUMERIC_FORM = st.from_regex(NUMERIC, fullmatch=True, alphabet="0123456789 :-/.年月日时分秒上下午晚T+Z")
_NOISE = st.text("来源样例社阅读 ，；：|。\nab", max_size=12)


@settings(max_examples=examples(300))
@given(st.lists(_NOISE | _NUMERIC_FORM, max_size=6))
def test_no_numeric_form_is_lost(pieces: list[str]) -> None:
    text = "\n".join(" ".join(line.split()) for line in " ".join(pieces).split("\n"))
    new = readings(list(written_days(text)))
    for old in readings([match[0] for match in NUMERIC.finditer(text)]):
        assert any(_is_as_exact(each, old) for each in new), (text, old, new)


def _is_as_exact(new: StatedTime, old: StatedTime) -> bool:
    is_one_day = new.at.astimezone(CHINA).date() == old.at.astimezone(CHINA).date()
    return is_one_day and (new.precision is Precision.TIME or old.precision is Precision.DAY)


@pytest.mark.parametrize(
    "text",
    [
        "", "阅读 20260530", "电话 2026-150", "编号 20260530120033", "1780113633", "今天 12:00", "5分钟前",
        "30 May 26", "05/06/2026", "第 5/6 页",
    ],
)  # fmt: skip
def test_what_may_be_another_number_is_no_day(text: str) -> None:
    assert readings(list(written_days(text))) == []


def test_days_come_in_their_order_with_what_follows_each() -> None:
    text = "May 30, 2026 12:00 | 2026-05-31 09:00，2026年6月1日"
    assert list(written_days(text)) == ["may 30, 2026 12:00 ", "2026-05-31 09:00", "2026年6月1日"]
    assert readings(list(written_days(text)))[0].at == datetime(2026, 5, 30, 4, tzinfo=UTC)
    assert timedelta(0) == readings(["30/05/2026"])[0].at - readings(["2026-05-30"])[0].at
