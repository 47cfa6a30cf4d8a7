"""The settings of the health page: no address that others can reach without a token."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.health_settings import HealthSettings
from config.load import ConfigError, load
from config.model import Settings
from scheduler.errors import HealthError
from scheduler.monitoring.health_token import read_token

TOKEN = "s3cret-s3cret-s3cret"  # noqa: S105


def loaded(folder: Path, table: str, **env: str) -> HealthSettings:
    path = folder / "finarchive.toml"
    path.write_text(f"[health]\n{table}\n", encoding="utf-8")
    return load(path, env).health


def mistakes(folder: Path, table: str, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, table, **env)
    text = str(caught.value)
    assert TOKEN not in text
    return [line.rpartition("finarchive.toml:")[2] for line in text.splitlines()]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1"])
def test_loopback_needs_no_token(address: str) -> None:
    assert HealthSettings(address=address).token is None


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "10.0.0.1", "2001:db8::1", "::ffff:127.0.0.1"])  # noqa: S104
def test_an_address_that_others_can_reach_needs_one(tmp_path: Path, address: str) -> None:
    found = mistakes(tmp_path, f'port = 1\naddress = "{address}"')
    assert len(found) == 1
    assert found[0].startswith("3: health.address: ")
    assert "needs health.token or health.token_file" in found[0]
    assert loaded(tmp_path, f'address = "{address}"\ntoken = "{TOKEN}"').token
    assert loaded(tmp_path, f'address = "{address}"\ntoken_file = "t"').token_file == tmp_path / "t"
    assert loaded(tmp_path, f'address = "{address}"', FINARCHIVE_HEALTH_TOKEN=TOKEN).token


@pytest.mark.parametrize("table", ['address = "localhost"', "address = 5", 'address = "1.2.3"'])
def test_another_address_is_refused(tmp_path: Path, table: str) -> None:
    assert [each.partition(": ")[0] for each in mistakes(tmp_path, table)] == ["2"]


@pytest.mark.parametrize("token", [f"{TOKEN} ", f"{TOKEN}ä", TOKEN[:15], f"{TOKEN}:"])
def test_a_bad_token_is_refused_and_not_shown(tmp_path: Path, token: str) -> None:
    (found,) = mistakes(tmp_path, f'address = "0.0.0.0"\ntoken = "{token}"')
    assert found.startswith("3: health.token: must be at least 16 of ")
    assert token not in found
    (found,) = mistakes(tmp_path, "", FINARCHIVE_HEALTH_TOKEN=token)
    assert found.startswith("FINARCHIVE_HEALTH_TOKEN: health.token: must be at least 16 of ")
    assert token not in found


def test_a_value_in_the_place_of_the_token_or_its_table_is_not_shown(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "token = 123456789123456789") == [
        "2: health.token: must be a text in quotes, not the given value"
    ]
    path = tmp_path / "finarchive.toml"
    path.write_text(f'health = "{TOKEN}"', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert TOKEN not in str(caught.value)


def test_a_token_has_one_place(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, f'token = "{TOKEN}"\ntoken_file = "x"')
    assert found == "3: health.token_file: cannot be combined with health.token: leave one of them out"


def test_settings_do_not_show_the_token() -> None:
    settings = Settings(health=HealthSettings(token=TOKEN))  # type: ignore[arg-type]
    assert TOKEN not in f"{settings} {settings!r} {settings.model_dump_json()}"
    assert read_token(settings.health) == TOKEN


def test_a_token_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    for text in (TOKEN, f"{TOKEN}\n", f" {TOKEN} \r\n"):
        path.write_text(text)
        assert read_token(HealthSettings(token_file=path)) == TOKEN
    assert read_token(HealthSettings()) is None


@pytest.mark.parametrize("data", [b"", b"short", b"two words are no token", b"\xff" * 20])
def test_a_file_without_a_token_is_named_and_not_shown(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(data)
    with pytest.raises(HealthError, match=f"health.token_file: .*{path}") as caught:
        read_token(HealthSettings(token_file=path))
    assert "two words" not in str(caught.value)
    path.unlink()
    with pytest.raises(HealthError, match="cannot be read: No such file"):
        read_token(HealthSettings(token_file=path))
