from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.environment import variables
from config.load import ConfigError, load
from config.messages import SECTIONS


def mistakes_in(env: dict[str, str]) -> list[str]:
    """The lines of the error that loading gives without a file."""
    with pytest.raises(ConfigError) as caught:
        load(None, env)
    return str(caught.value).splitlines()


def test_every_setting_can_be_set_by_its_variable() -> None:
    texts = {
        "ARCHIVE_ROOT": "/srv/n", "ARCHIVE_PROFILE": "hugo", "ARCHIVE_BODY": "clean", "ARCHIVE_RAW": "none",
            "ARCHIVE_RAW_KEEP": "2y", "ARCHIVE_IMAGES": "true", "ARCHIVE_MIN_FREE": "5_000",
        "NETWORK_DELAY": "0", "NETWORK_CONCURRENCY": "4", "NETWORK_TIMEOUT": "2.5", "NETWORK_MAX_BODY": "2_048",
        "NETWORK_ALLOW_PRIVATE": "true", "NETWORK_OBEY_ROBOTS": "no", "NETWORK_USER_AGENT": "x/1",
        "NETWORK_REST": "1s", "SCHEDULE_MIN": "2s", "SCHEDULE_MAX": "2d", "SCHEDULE_EVERY": "1d",
        "SCHEDULE_RECHECK": "1h, 1d", "SCHEDULE_RECHECKS": "5",
        "SCHEDULE_PAGES": "3", "SCHEDULE_SWEEP": "12h", "SCHEDULE_LISTEN": "off", "HEALTH_PORT": "9464",
        "HEALTH_ADDRESS": "0:0::1", "HEALTH_TOKEN": "", "HEALTH_TOKEN_FILE": "~/token",
        "PROOF_ANCHORS": "opentimestamps, git:/srv/r", "PROOF_KEY": "~/k", "PROOF_PUBLIC_KEY": "k.pub",
        "PROOF_CERTIFICATES": "tsa.pem", "PROOF_BLOCK_HEADERS": "",
        "CLUSTER_DSN": "host=db", "CLUSTER_REQUESTS": "10", "CLUSTER_PER_HOST": "5",
        "CLUSTER_MAX_WAITING": "2_000_000", "JOURNAL_MIRROR": "",
        "SERVE_PORT": "0", "SERVE_IMAGES": "no", "SERVE_NAMES": "news.example.org, news",
    }  # fmt: skip
    assert {f"FINARCHIVE_{name}" for name in texts} == {name for name in variables() if "__" not in name}
    expected: dict[str, dict[str, object]] = {
        "archive": {
            "root": Path("/srv/n"), "profile": "hugo", "body": "clean", "raw": "none", "images": True,
            "raw_keep": timedelta(days=730), "min_free": 5000,
        },
        "network": {
            "delay": 0.0, "concurrency": 4, "timeout": 2.5, "max_body": 2048, "allow_private": True,
            "obey_robots": False, "user_agent": "x/1", "rest": timedelta(seconds=1),
        },
        "schedule": {
            "min": timedelta(seconds=2), "max": timedelta(days=2), "every": timedelta(days=1),
            "recheck": (timedelta(hours=1), timedelta(days=1)), "rechecks": 5, "pages": 3,
            "sweep": timedelta(hours=12), "listen": None,
        },
        "health": {"port": 9464, "address": "::1", "token": None, "token_file": Path("/home/me/token")},
        "serve": {"port": 0, "images": False, "names": ("news.example.org", "news")},
        "cluster": {"dsn": SecretStr("host=db"), "requests": 10, "per_host": 5, "max_waiting": 2_000_000},
        "journal": {"mirror": None},
        "proof": {
            "anchors": (SecretStr("opentimestamps"), SecretStr("git:/srv/r")), "key": Path("/home/me/k"),
            "public_key": Path("k.pub"), "certificates": Path("tsa.pem"), "block_headers": None,
        },
    }  # fmt: skip
    for joint in ("_", "__"):
        env = {f"FINARCHIVE_{name.replace('_', joint, 1)}": text for name, text in texts.items()}
        env["HOME"] = "/home/me"
        assert load(None, env).model_dump(include=set(SECTIONS)) == expected


def test_variables_override_the_file_and_overridden_values_are_not_checked(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[network]\ndelay = -1\ntimeout = 7\n[schedule]\nrecheck = ["1h"]')
    settings = load(path, {"FINARCHIVE_NETWORK_DELAY": "3", "FINARCHIVE_SCHEDULE_RECHECK": ""})
    assert (settings.network.delay, settings.network.timeout, settings.schedule.recheck) == (3.0, 7.0, ())


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("FINARCHIVE_NETWORK_DELAY", "fast", "network.delay: must be a number, not the text 'fast'"),
        ("FINARCHIVE_NETWORK_DELAY", "", "network.delay: must be a number, not the text ''"),
        ("FINARCHIVE_NETWORK_DELAY", "inf", "network.delay: must be a finite number, not inf"),
        ("FINARCHIVE_NETWORK_CONCURRENCY", "2.5", "network.concurrency: must be a whole number, not the text '2.5'"),
        (
            "FINARCHIVE_NETWORK_OBEY_ROBOTS",
            "maybe",
            "network.obey_robots: must be true or false, not the text 'maybe'",
        ),
        ("FINARCHIVE_SCHEDULE_RECHECK", "1h,,1d", "schedule.recheck: must be a text of whole numbers"),
        ("FINARCHIVE_NETWORK__REST", "5h", "network.rest: must be at most 1h, not 5h"),
        ("FINARCHIVE_HEALTH_PORT", "65536", "health.port: must be at most 65535, not 65536"),
        ("FINARCHIVE_HEALTH_PORT", "http", "health.port: must be a whole number, not the text 'http'"),
        ("FINARCHIVE_network_delay", "1", "unknown variable; did you mean FINARCHIVE_NETWORK_DELAY?"),
        ("FINARCHIVE_CONFG", "x", "unknown variable; did you mean FINARCHIVE_CONFIG?"),
        ("FINARCHIVE_FEEDS", "x", "unknown variable; names are FINARCHIVE_<SECTION>_<KEY>"),
    ],
)
def test_mistakes_in_variables_name_the_variable(name: str, text: str, expected: str) -> None:
    (mistake,) = mistakes_in({name: text})
    assert mistake.startswith(f"{name}: {expected}")


def test_one_setting_in_two_spellings_is_a_mistake() -> None:
    env = {"FINARCHIVE_NETWORK_DELAY": "1", "FINARCHIVE_NETWORK__DELAY": "2"}
    (mistake,) = mistakes_in(env)
    assert "sets the same as FINARCHIVE_NETWORK_DELAY" in mistake


def test_other_variables_are_ignored() -> None:
    env = {"FINARCHIVE_CONFIG": "elsewhere.toml", "PATH": "/bin", "finarchive_x": "1", "FINARCHIVER": "1"}
    assert load(None, env) == load(None, {})
