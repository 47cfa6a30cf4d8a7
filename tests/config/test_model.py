from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.durations import format_duration, parse_duration
from config.model import (
    ROLL_ENDPOINT,
    ArchiveSettings,
    Feed,
    HealthSettings,
    NetworkSettings,
    ScheduleSettings,
    Settings,
)


def feed(**changed: Any) -> Feed:
    given = {"id": "china", "kind": "roll", "categories": ["金融", "新浪财经", "国内"], "lid": 1686}
    return Feed.model_validate(given | changed)


def mistaken_keys(model: Any, **values: Any) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    return {str(error["loc"][0]) for error in caught.value.errors()}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h", 3600), ("7d", 604_800), ("1h30m", 5400), ("1d2h3m4s", 93_784), ("0s", 0)],
)
def test_duration_reads_what_people_write(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    ["", "5", "5 m", "m", "30m1h", "1h1h", "-5m", "1.5h", "5min", "5M", "٥m", "5m\n", 5, 5.0, True, None, ["5m"]],
)
def test_duration_refuses_other_values_and_lists_the_accepted_ones(value: object) -> None:
    with pytest.raises(ValueError, match=r'must be a text .* "1h30m"'):
        parse_duration(value)


@pytest.mark.parametrize("text", ["36501d", "999999999d", "999999999h"])
def test_duration_that_no_date_could_bear_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 36500d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["2y", "730d", "90s", "1y30d", "0m", "007d", "36h"])
def test_a_duration_is_told_back_as_it_was_written(text: str) -> None:
    assert format_duration(parse_duration(text)) == text


def test_a_setting_is_told_back_as_it_was_written() -> None:
    settings = ArchiveSettings.model_validate({"raw_keep": "2y"})
    assert settings.raw_keep is not None
    assert format_duration(settings.raw_keep) == "2y"
    assert settings == ArchiveSettings.model_validate({"raw_keep": "730d"}), "the same value"
    with pytest.raises(ValidationError, match="must be at least 1s, not 0m"):
        ScheduleSettings.model_validate({"every": "0m"})


def test_what_is_computed_from_a_duration_is_in_days_and_less() -> None:
    assert format_duration(parse_duration("2y") / 2) == "365d"
    assert format_duration(parse_duration("2y") + timedelta(0)) == "730d"


@given(st.integers(min_value=0, max_value=36_500 * 86_400))
def test_formatted_duration_reads_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


def test_defaults_are_those_of_the_contract() -> None:
    settings = Settings()
    assert settings.archive == ArchiveSettings(root=Path("news"), profile="sample", body="faithful", raw="warc")
    network = settings.network
    assert (network.delay, network.concurrency, network.timeout, network.max_body) == (1.0, 2, 20.0, 8_388_608)
    assert (network.allow_private, network.obey_robots, network.rest) == (False, True, timedelta(seconds=10))
    schedule = settings.schedule
    assert (schedule.min, schedule.every, schedule.max) == tuple(timedelta(minutes=n) for n in (1, 5, 60))
    assert schedule.recheck == (timedelta(hours=1), timedelta(days=1), timedelta(days=7))
    assert schedule.pages == 20
    assert settings.health.port == 0
    assert (settings.serve.port, settings.serve.images, settings.serve.names) == (8001, True, ())
    assert (settings.cluster.dsn, settings.cluster.requests, settings.cluster.per_host) == (None, 4096, 64)
    assert settings.feeds == ()


def test_the_user_agent_names_program_and_version_but_no_person() -> None:
    agent = NetworkSettings().user_agent
    assert agent.startswith("finarchive/")
    assert agent.split("/")[1][0].isdigit()
    assert "@" not in agent


@pytest.mark.parametrize(
    ("model", "key", "accepted", "refused"),
    [
        (NetworkSettings, "delay", [0, 0.5, 3600], [-0.1, 3601, "1", True, float("nan"), float("inf"), 10**400]),
        (NetworkSettings, "concurrency", [1, 256], [0, 257, 2.5, 2.0, "2", True]),
        (NetworkSettings, "timeout", [0.001, 5], [0, -1, "20", float("inf")]),
        (NetworkSettings, "max_body", [1024, 10**12], [1023, 2048.0, "8388608"]),
        (NetworkSettings, "allow_private", [True, False], ["yes", "true", 1, 0]),
        (NetworkSettings, "obey_robots", [True, False], ["no", 1]),
        (NetworkSettings, "user_agent", ["x/1"], ["", " ", "a\nb", "新闻", 1]),
        (NetworkSettings, "rest", ["1s", "1h"], ["0s", "61m", 10]),
        (ArchiveSettings, "root", ["news", "/srv/news", Path("x")], ["", " ", "a\0b", 1, True]),
        (ArchiveSettings, "profile", ["sample", "extended", "hugo"], ["Sample", ""]),
        (ArchiveSettings, "body", ["faithful", "clean"], ["raw"]),
        (ArchiveSettings, "images", [True, False, "local"], ["true", 1, "yes", ""]),
        (ArchiveSettings, "raw_keep", ["1d", "2y", "1y30d", "forever"], ["23h", "2", 2, "never", "2 y", ""]),
        (ArchiveSettings, "min_free", [0, 10**12], [-1, "1GB", 1.5]),
        (ArchiveSettings, "raw", ["warc", "none"], [True, "gzip"]),
        (ScheduleSettings, "min", ["1s", "5m"], ["0s", 60]),
        (ScheduleSettings, "recheck", [[], ["7d", "1h"]], ["1h", ["1h", 5], ["0s"]]),
        (ScheduleSettings, "pages", [1, 1000], [0, 1001, 2.5]),
        (HealthSettings, "port", [0, 1, 65535], [-1, 65536, "9464", True, 80.0]),
    ],
)
def test_bounds_and_types(model: Any, key: str, accepted: list[object], refused: list[object]) -> None:
    for value in accepted:
        model.model_validate({key: value})
    for value in refused:
        assert mistaken_keys(model, **{key: value}) == {key}, value


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"min": "10m", "every": "5m"}, {"every"}),
        ({"max": "2m"}, {"every"}),
        ({"min": "2h", "every": "3h"}, {"max"}),
        ({"min": "2h", "max": "1h", "every": "90m"}, {"max", "every"}),
        ({"every": "61m", "pages": 0}, {"every", "pages"}),
    ],
)
def test_intervals_must_be_in_order(values: dict[str, object], keys: set[str]) -> None:
    assert mistaken_keys(ScheduleSettings, **values) == keys


def test_equal_intervals_are_in_order() -> None:
    assert ScheduleSettings.model_validate({"min": "5m", "max": "5m"}).every == timedelta(minutes=5)


def test_settings_are_frozen_and_know_their_keys() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().network.delay = 3
    assert mistaken_keys(NetworkSettings, dealy=1) == {"dealy"}


@pytest.mark.parametrize("name", ["a", "0", "us-stock_2"])
def test_feed_ids_of_the_plain_sort_pass(name: str) -> None:
    assert feed(id=name).id == name


@pytest.mark.parametrize("name", ["", "-a", "_a", "China", "a b", "a\n", "国内", "a/b", 1])
def test_other_feed_ids_are_refused(name: object) -> None:
    with pytest.raises(ValidationError):
        feed(id=name)


def test_feed_ids_are_unique() -> None:
    with pytest.raises(ValidationError, match=r"unique.*china"):
        Settings(feeds=(feed(), feed(lid=1687)))
    assert len(Settings(feeds=(feed(), feed(id="macro"))).feeds) == 2


@pytest.mark.parametrize("categories", [["a"], ["a"] * 8, ["..a"], ["/a"], ["a\tb"]])
def test_categories_that_leave_a_name_pass(categories: list[str]) -> None:
    assert feed(categories=categories).categories == tuple(categories)


@pytest.mark.parametrize(
    "categories",
    [
        [],
        ["a"] * 9,
        [""],
        [" "],
        ["."],
        [".."],
        [". ."],
        ["/"],
        ['\\/:*?"<>|'],
        ["\x00\x1f"],
        ["../"],
        ["a", ""],
        "a",
        [1],
    ],
)
def test_categories_that_leave_none_do_not(categories: object) -> None:
    with pytest.raises(ValidationError):
        feed(categories=categories)


def test_roll_feed_knows_its_endpoint_and_needs_its_list() -> None:
    assert feed().endpoint == ROLL_ENDPOINT
    assert feed(endpoint="http://localhost:8000/roll").endpoint == "http://localhost:8000/roll"
    with pytest.raises(ValidationError, match="kind roll needs the number"):
        feed(lid=None)
    for number in (0, -1, 2**31, 1.0, "1686", True):
        with pytest.raises(ValidationError):
            feed(lid=number)
        with pytest.raises(ValidationError):
            feed(pageid=number)


@pytest.mark.parametrize("kind", ["live", "column", "usstock", "rss"])
def test_other_kinds_need_an_endpoint_and_no_list(kind: str) -> None:
    other = feed(kind=kind, endpoint="https://example.org/list", lid=None)
    assert (other.lid, other.endpoint) == (None, "https://example.org/list")
    with pytest.raises(ValidationError, match=f"kind {kind} needs the address"):
        feed(kind=kind, lid=None)


@pytest.mark.parametrize(
    "address",
    [
        "", "example.org", "//example.org/x", "ftp://example.org/x", "file:///etc/passwd", "https://", "https:///x",
        "http://[::1", "http://a:b/", "http://a:99999/", "http://exa mple.org/", "http://a/\n",
        "javascript:alert(1)", 5,
    ],
)  # fmt: skip
def test_endpoints_are_web_addresses_with_a_host(address: object) -> None:
    with pytest.raises(ValidationError):
        feed(endpoint=address)


def test_author_is_the_configured_one_else_the_second_category_else_the_first() -> None:
    assert feed(author="记者").author_name == "记者"
    assert feed().author_name == "新浪财经"
    assert feed(categories=["金融"]).author_name == "金融"
    with pytest.raises(ValidationError):
        feed(author="")


def test_feeds_are_enabled_and_have_no_interval_unless_configured() -> None:
    assert (feed().enabled, feed().every) == (True, None)
    assert (feed(enabled=False).enabled, feed(every="1s").every) == (False, timedelta(seconds=1))
    for changed in ({"enabled": "no"}, {"every": "0s"}, {"every": 5}):
        with pytest.raises(ValidationError):
            feed(**changed)


def test_cron_is_kept_in_one_spelling() -> None:
    assert feed().cron is None
    assert feed(cron=" */10  9-16\t* * MON-FRI").cron == "*/10 9-16 * * mon-fri"


@pytest.mark.parametrize("cron", ["", "* * * *", "* * * * * *", 5, True])
def test_other_cron_expressions_are_refused(cron: object) -> None:
    with pytest.raises(ValidationError):
        feed(cron=cron)


def test_feed_is_timed_in_one_way() -> None:
    with pytest.raises(ValidationError, match="leave one of them out"):
        feed(cron="0 * * * *", every="5m")
    assert feed(cron="0 * * * *", every=None).every is None
    assert feed(cron=None, every="5m").cron is None


def test_source_changes_exactly_when_the_list_does() -> None:
    assert feed().source == f"roll {ROLL_ENDPOINT} lid=1686"
    same = {"id": "x", "categories": ["y"], "pageid": 155, "every": "1h", "author": "z", "enabled": False}
    assert feed(**same).source == feed().source
    column = {"kind": "column", "endpoint": "https://example.org/1"}
    assert feed(**column, lid=None).source == feed(**column, lid=5).source == "column https://example.org/1"
    others = [
        {},
        {"lid": 1687},
        {"endpoint": "https://example.org/1"},
        column,
        {"kind": "rss", "endpoint": "https://example.org/1"},
        {"kind": "rss", "endpoint": "https://example.org/2"},
    ]
    assert len({feed(**changes).source for changes in others}) == len(others)
