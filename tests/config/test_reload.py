from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.load import builtin_feeds, load
from config.messages import SECTIONS
from config.model import Feed, Settings
from config.reload import NEEDS_RESTART, changed, needs_restart

FEEDS = builtin_feeds()

# Another value than the default, for every setting.
OTHER: dict[str, dict[str, Any]] = {
    "archive": {
        "root": "elsewhere", "profile": "hugo", "body": "clean", "raw": "none", "raw_keep": timedelta(days=900),
        "images": True, "min_free": 5,
    },
    "network": {
        "delay": 2.0, "concurrency": 3, "timeout": 5.0, "max_body": 2048, "allow_private": True,
        "obey_robots": False, "user_agent": "x/1", "rest": "1m",
    },
    "schedule": {
        "min": "2m", "max": "2h", "every": "6m", "recheck": [], "sweep": "12h", "listen": "20s", "rechecks": 5,
        "pages": 3,
    },
    "health": {"port": 9464, "address": "127.0.0.2", "token": "0123456789abcdef", "token_file": "token"},
    "proof": {
        "anchors": ["opentimestamps"], "key": "roots.key", "public_key": "roots.pub", "certificates": "tsa.pem",
        "block_headers": "headers",
    },
    "journal": {"mirror": "file:///mirror"},
    "serve": {"port": 8002, "images": False, "names": ["news.example.org"]},
    "cluster": {"dsn": "postgresql://db.example/news", "requests": 10, "per_host": 5, "max_waiting": 2_000_000},
}  # fmt: skip
NAMES = [f"{section}.{key}" for section, model in SECTIONS.items() for key in model.model_fields]


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_that_differs_is_named(name: str) -> None:
    section, key = name.split(".")
    other = Settings.model_validate({section: {key: OTHER[section][key]}})
    assert changed(Settings(), other) == changed(other, Settings()) == [name]


def test_all_that_differ_are_named_in_order() -> None:
    health = {key: value for key, value in OTHER["health"].items() if key != "token_file"}  # it excludes the token
    others = {section: OTHER[section] for section in OTHER if section != "journal"}  # it excludes raw = "none"
    other = Settings.model_validate(others | {"health": health, "feeds": FEEDS})
    excluded = ("health.token_file", "journal.mirror")
    assert changed(Settings(), other) == [*(name for name in NAMES if name not in excluded), "feeds"]


def altered(**changes: Any) -> tuple[Feed, ...]:
    return (FEEDS[0].model_copy(update=changes), *FEEDS[1:])


@pytest.mark.parametrize(
    "feeds",
    [
        (),
        FEEDS[1:],
        FEEDS[::-1],  # the order says where articles are filed
        altered(every=timedelta(hours=1)),
        altered(cron="0 * * * *"),
        altered(enabled=False),
        altered(categories=("x",)),
        altered(lid=1),
    ],
)
def test_feeds_that_differ_in_anything_are_named_as_a_whole(feeds: tuple[Feed, ...]) -> None:
    assert changed(Settings(feeds=FEEDS), Settings(feeds=feeds)) == ["feeds"]


def test_writing_the_same_in_another_way_changes_nothing(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("finarchive.toml")
    path.write_text('archive.root = "news"\nschedule.every = "300s"\n[network]\nmax_body = 0x80_0000\ndelay = 1\n')
    assert changed(load(None, {}), load(path, {})) == []
    assert changed(load(None, {"FINARCHIVE_HEALTH_PORT": "0"}), load(path, {})) == []


def test_only_what_is_held_from_the_start_needs_a_restart() -> None:
    assert needs_restart([*NAMES, "feeds"]) == [
        "archive.root", "archive.raw", "network.allow_private",
        "health.port", "health.address", "health.token", "health.token_file", "journal.mirror",
        "cluster.dsn", "cluster.max_waiting",
    ]  # fmt: skip
    assert needs_restart(["network.delay", "feeds"]) == []
    assert set(NEEDS_RESTART) <= set(NAMES)  # a setting that is renamed must not slip out
