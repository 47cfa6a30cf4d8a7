"""Times as sites write them, and the time of publication that they support."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.model.feed_values import Precision
from crawler.extract.time_forms.zones import CHINA, zone_of
from crawler.extract.times import LATER, ONLY_DAY, StatedTime, publication, read_time
from tests.crawler.test_listings import feed_of
from tests.crawler.test_listings import read as read_list

NOW = datetime(2026, 5, 30, 9, 0, tzinfo=UTC)  # 17:00 in China
AT = datetime(2026, 5, 30, 4, 0, 33, tzinfo=UTC)
FORMS = """
Sat, 30 May 2026 12:00:33 +0800
Sat, 30 May 2026 12:00:33 +800
Sat,30 May 2026 12:00:33 +8
Sat, 30 May 26 12:00:33 +0800
30 May 2026 12:00:33 +08:00
Fri, 30 May 2026 12:00:33 +0800
Sat, 30 May 2026 04:00:33 GMT
Sat, 30 May 2026 00:00:33 -0400
Sat, 30 May 2026 00:00:33 EDT
Sat, 30 May 2026 12:00:33
Sat, 30 May 2026 12:00:33 CST
Sat, 30 May 2026 12:00:33 PRC
Sat, 30 May 2026 12:00:33 HKT
Sat, 30 May 2026 13:00:33 JST
星期六, 30 May 2026 12:00:33 +0800
星期六, 30 五月 2026 12:00:33 +0800
周六 2026-05-30 12:00:33
2026-05-30T04:00:33Z
2026-05-30T04:00:33.123456Z
2026-05-30T12:00:33+08:00
2026-05-30T12:00:33+0800
2026-05-30T12:00:33
2026-05-30 12:00:33
2026-05-30 12:00:33 BJT
2026-05-30 12:00:33 GMT+8
2026-05-30 12:00:33 UTC+08:00
2026-05-30 12:00:33 Asia/Shanghai
2026-05-30 12:00:33 Asia/Hong_Kong
Sat, 30 May 2026 00:00:33 America/New_York
Sat, 30 May 2026 00:00:33 ET
2026-05-30 12:00:33 北京时间
北京时间2026年5月30日12:00:33
20260530T120033
20260530120033
2026/5/30 12:00:33
2026.05.30 12:00:33
2026年5月30日 12:00:33
2026年05月30日12时00分33秒
2026年5月30日 中午12:00:33
2026年5月30日 下午12点00分33秒
2026年5月30日 上午12:00:33 UTC-4
二〇二六年五月三十日 12:00:33
２０２６年５月３０日　１２：００：３３
今天 12:00:33
5月30日 12:00:33
05-30 12:00:33
12:00:33 2026-05-30
May 30, 2026 12:00:33 PM
Sat May 30 12:00:33 2026
Sat May 30 12:00:33 CST 2026
Sat May 30 06:00:33 CEST 2026
Sat May 30 2026 12:00:33 GMT+0800 (中国标准时间)
30.05.2026 12:00:33
2026-W22-6T12:00:33
2026-w22-6 12:00:33
2026W226T12:00:33+08:00
2026-150T12:00:33
2026-150 12:00:33
30/05/2026 12:00:33
05/30/2026 12:00:33 PM
5/30/2026, 12:00:33 PM
30-05-2026 12:00:33
samedi 30 mai 2026 12:00:33
30 mai 2026 à 12:00:33
sábado, 30 de mayo de 2026, 12:00:33
30 mayo 2026 a las 12:00:33
mayo 30, 2026 12:00:33
30 de mayo del 2026 12:00:33
30th of May 2026 12:00:33
2026년 5월 30일 12:00:33
2026년 5월 30일 오후 12:00:33
2026년 05월 30일 12시 00분 33초
2026. 5. 30. 오후 12:00:33
2026年5月30日12時00分33秒
5월 30일 12:00:33
오늘 12:00:33
1780113633
1780113633000
1780113633.5
""".strip().splitlines()


@pytest.mark.parametrize("text", FORMS)
def test_all_forms_give_the_same_time(text: str) -> None:
    assert read_time(text, zone=CHINA, now=NOW) == StatedTime(AT, Precision.TIME)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-30T12:00", "2026-05-30T04:00"),
        ("2026/5/30 12:00", "2026-05-30T04:00"),
        ("昨天 23:10", "2026-05-29T15:10"),
        ("昨晚 23:10", "2026-05-29T15:10"),
        ("昨晚11点10分", "2026-05-29T15:10"),
        ("昨晚8点", "2026-05-29T12:00"),
        ("昨晚12点", "2026-05-29T16:00"),
        ("昨夜1:30", "2026-05-29T17:30"),
        ("昨晚0:30", "2026-05-29T16:30"),
        ("昨日晚间8点", "2026-05-29T12:00"),
        ("今晨6:30", "2026-05-29T22:30"),
        ("今早七点半", "2026-05-29T23:30"),
        ("今早上8点", "2026-05-30T00:00"),
        ("前晚 21:00", "2026-05-28T13:00"),
        ("2026年5月30日 今晨6:30", "2026-05-29T22:30"),
        ("2026年5月30日 12h30", "2026-05-30T04:30"),
        ("1er mai 2026 à 12h30", "2026-05-01T04:30"),
        ("28 février 2026, 9h05", "2026-02-28T01:05"),
        ("28 févr. 2026 09:05", "2026-02-28T01:05"),
        ("14 juil. 2025 12:00", "2025-07-14T04:00"),
        ("14 août 2025 12:00", "2025-08-14T04:00"),
        ("3 déc. 2025 12:00", "2025-12-03T04:00"),
        ("3 de enero de 2026 12:00", "2026-01-03T04:00"),
        ("3 de septiembre de 2025 12:00", "2025-09-03T04:00"),
        ("3 dic. 2025 12:00 h", "2025-12-03T04:00"),
        ("2026년 5월 30일 오전 12:30", "2026-05-29T16:30"),
        ("2026년 5월 29일 밤 11시", "2026-05-29T15:00"),
        ("13/05/2026 12:00", "2026-05-13T04:00"),
        ("5/5/2026 12:00", "2026-05-05T04:00"),
        ("3시간 전", "2026-05-30T06:00"),
        ("5분 전", "2026-05-30T08:55"),
        ("2小時前", "2026-05-30T07:00"),
        ("前天23:10", "2026-05-28T15:10"),
        ("12月31日 23:00", "2025-12-31T15:00"),
        ("02-29 08:00", "2024-02-29T00:00"),
        ("2026-05-29 24:00", "2026-05-29T16:00"),
        ("2026年5月30日 凌晨12:30", "2026-05-29T16:30"),
        ("2026年5月29日 晚上8点", "2026-05-29T12:00"),
        ("2026年5月29日 晚上12:00", "2026-05-29T16:00"),
        ("2026年5月29日下午3点半", "2026-05-29T07:30"),
        ("2026-05-30 10:00-11:30", "2026-05-30T02:00"),
        ("2026-05-30 10:00 - 11:00", "2026-05-30T02:00"),
        ("5分钟前", "2026-05-30T08:55"),
        ("2小时前", "2026-05-30T07:00"),
        ("3 hours ago", "2026-05-30T06:00"),
        ("刚刚", "2026-05-30T09:00"),
        ("来源：样例社 2026-05-30 12:00", "2026-05-30T04:00"),
    ],
)
def test_a_time_is_read_with_what_it_is_relative_to(text: str, expected: str) -> None:
    at = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert read_time(text, zone=CHINA, now=NOW) == StatedTime(at, Precision.TIME)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-28",
        "2026年5月28日",
        "28 May 2026",
        "May 28, 2026",
        "20260528",
        "2026/05/28",
        "前天",
        "5月28日",
        "2天前",
        "2026-W22-4",
        "2026W224",
        "2026-148",
        "28/05/2026",
        "05/28/2026",
        "28-05-2026",
        "28 mai 2026",
        "28 de mayo de 2026",
        "2026년 5월 28일",
        "2026. 5. 28.",
        "5월 28일",
        "그저께",
        "前晚",
    ],
)
def test_a_day_without_a_time_is_only_a_day(text: str) -> None:
    at = datetime(2026, 5, 28, tzinfo=CHINA)
    assert read_time(text, zone=CHINA, now=NOW) == StatedTime(at.astimezone(UTC), Precision.DAY)


@pytest.mark.parametrize(
    "text",
    [
        "", "N/A", "12:00", "2026", "2026-13-45", "2026-02-30 12:00", "2026-05-30 25:00", "2026-05-30 12:99", "99",
        "123456789012345", "1970-01-01 00:00:00", "2026-05-30 12:00 +9900", "9999-12-31 23:59", "暂无", "0",
        "2026-W22", "2026-W54-1", "2026-W22-8", "2026-000", "2026-366", "No 2026-150", "2026-150 亿", "2026150",
        "05/06/2026", "05/06/2026 12:00", "6/5/2026", "05-06-2026 12:00", "31/31/2026", "13/13/2026", "30/05/26",
        "30 energy 2026", "30 abroad 2026", "2026년 13월 1일",
    ],
)  # fmt: skip
def test_what_is_no_time_is_not_filled_in_from_the_clock(text: str) -> None:
    assert read_time(text, zone=CHINA, now=NOW) is None


def test_cst_is_the_time_of_the_feeds_zone() -> None:
    new_york = zone_of("America/New_York")
    found = read_time("Sat, 30 May 2026 12:00:33 CST", zone=new_york, now=NOW)
    assert found == StatedTime(datetime(2026, 5, 30, 18, 0, 33, tzinfo=UTC), Precision.TIME)
    local = read_time("2026-05-30 00:00:33", zone=new_york, now=NOW)
    assert local == StatedTime(AT, Precision.TIME)


def test_a_zone_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="no zone"):
        zone_of("Mars/Olympus")


@given(st.text(max_size=60) | st.from_regex(r"[0-9年月日:/\-+ TZ今天前昨.]{0,40}", fullmatch=True))
def test_any_text_is_a_time_or_none(text: str) -> None:
    found = read_time(text, zone=CHINA, now=NOW)
    published, _, _ = publication(found, zone=CHINA, now=NOW)
    assert published is None or published <= NOW


# The time of publication


def test_a_time_that_was_past_at_the_poll_is_the_time_of_publication() -> None:
    assert publication(StatedTime(AT, Precision.TIME), zone=CHINA, now=NOW) == (AT, Precision.TIME, None)
    assert publication(None, zone=CHINA, now=NOW) == (None, Precision.TIME, None)


@pytest.mark.parametrize("later", [timedelta(seconds=1), timedelta(days=400)])
def test_a_time_later_than_the_poll_is_not_used(later: timedelta) -> None:
    stated = StatedTime(NOW + later, Precision.TIME)
    assert publication(stated, zone=CHINA, now=NOW) == (NOW, Precision.TIME, LATER)


def test_a_day_ends_before_the_news_of_it_is_known() -> None:
    yesterday = StatedTime(datetime(2026, 5, 28, 16, tzinfo=UTC), Precision.DAY)
    end = datetime(2026, 5, 29, 15, 59, 59, tzinfo=UTC)
    assert publication(yesterday, zone=CHINA, now=NOW) == (end, Precision.DAY, ONLY_DAY)
    today = StatedTime(datetime(2026, 5, 29, 16, tzinfo=UTC), Precision.DAY)
    assert publication(today, zone=CHINA, now=NOW) == (NOW, Precision.DAY, ONLY_DAY)
    tomorrow = StatedTime(datetime(2026, 5, 30, 16, tzinfo=UTC), Precision.DAY)
    assert publication(tomorrow, zone=CHINA, now=NOW) == (NOW, Precision.DAY, LATER)


# In feeds


def feed(*dates: str) -> bytes:
    items = "".join(
        f"<item><title>{n}</title><link>https://a.cn/{n}</link><pubDate>{each}</pubDate></item>"
        for n, each in enumerate(dates)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>甲</title>{items}</channel></rss>'.encode()


def test_a_feed_keeps_the_time_as_stated_and_why_it_is_not_used() -> None:
    from tests.crawler.test_listings import AT as POLL

    entries = read_list("rss", feed("2026年9月28日 12:00", "2026-09-27", "2030-01-01 00:00:00", "soon", "")).entries
    assert [(e.published, e.precision, e.published_note, e.published_text) for e in entries] == [
        (datetime(2026, 9, 28, 4, tzinfo=UTC), Precision.TIME, None, "2026年9月28日 12:00"),
        (datetime(2026, 9, 27, 15, 59, 59, tzinfo=UTC), Precision.DAY, ONLY_DAY, "2026-09-27"),
        (POLL, Precision.TIME, LATER, "2030-01-01 00:00:00"),
        (None, Precision.TIME, None, "soon"),
        (None, Precision.TIME, None, None),
    ]


def test_the_zone_of_a_feed_is_that_of_its_times_without_one() -> None:
    from crawler.listings import rss

    there = feed_of("rss").model_copy(update={"zone": "America/New_York"})
    [entry] = rss.read(feed("2026-05-30 00:00:33"), "", there, NOW).entries
    assert entry.published == AT
    assert zone_of("Asia/Shanghai") == timezone(timedelta(hours=8))
