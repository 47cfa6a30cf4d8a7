"""The texts of `proof.anchors`: every mistake is reported, and no message has a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.proof import anchor_files
from config.anchors import KINDS, parse_anchor
from config.load import ConfigError, load
from config.model import Settings


def mistakes(tmp_path: Path, text: str) -> str:
    path = tmp_path / "finarchive.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    return str(caught.value).replace(f"{path}:", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rfc3161:https://freetsa.org/tsr", "rfc3161:freetsa.org"),
        ("rfc3161:http://me:hush@10.0.0.1:8080/tsr?key=hush", "rfc3161:10.0.0.1:8080"),
        ("opentimestamps", "opentimestamps:public calendars"),
        ("opentimestamps:https://c.example.org/", "opentimestamps:c.example.org"),
        ("git:https://me:hush@git.example.org/me/roots.git", "git:git.example.org"),
        ("git:git@git.example.org:me/roots.git#news", "git:git.example.org"),
        ("git:ssh://git@git.example.org:2222/roots", "git:git.example.org:2222"),
        ("git:/srv/roots.git", "git:/srv/roots.git"),
        ("git:file:///srv/roots.git", "git:/srv/roots.git"),
        ("command:/usr/bin/keep --token hush", "command:keep"),
        ("command:'/opt/my tools/keep' \"a b\"", "command:keep"),
    ],
)
def test_people_see_the_place_without_its_secrets(text: str, shown: str) -> None:
    target = parse_anchor(text)
    assert str(target) == shown
    assert "hush" not in f"{target!r} {target} {target.name}"
    assert anchor_files.parse_anchor_file(Path(anchor_files.anchor_file_name("2026-09-29", target.name)))


def test_the_name_depends_on_the_place_alone() -> None:
    name = parse_anchor("rfc3161:https://h.org/tsr").name
    assert parse_anchor("rfc3161:https://me:hush@h.org/tsr?key=1").name == name
    others = ["https://h.org/other", "https://h.org:8443/tsr", "http://h.org/tsr", "https://x.org/tsr"]
    assert len({name, *(parse_anchor(f"rfc3161:{other}").name for other in others)}) == 5
    assert parse_anchor("git:/srv/r#a").name != parse_anchor("git:/srv/r#b").name
    assert parse_anchor("git:/srv/r#main").name == parse_anchor("git:/srv/r").name
    assert parse_anchor("command:keep a").name == parse_anchor("command:keep b").name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ftp://hush@h.org", "must begin with rfc3161:, opentimestamps, git: or command:, not ftp:"),
        ("hush", "must begin with rfc3161:, opentimestamps, git: or command:"),
        ("RFC3161:https://h.org", "must begin with"),
        ("", "must begin with"),
        ("rfc3161", "must be an address like rfc3161:https://host/path"),
        ("rfc3161:ftp://h.org/hush", "must be an address like"),
        ("rfc3161:https://h.org:hush/", "must be an address like"),
        ("rfc3161:https://[::hush/", "must be an address like"),
        ("rfc3161:https://h.org/a#hush", "must be an address like"),
        ("opentimestamps:", "must be an address like"),
        ("opentimestamps:https://h.org/?hush", "must have no query"),
        ("git:", "must be an address like"),
        ("git:roots.git", "must be an address like"),
        ("git:--upload-pack=hush", "must be an address like"),
        ("git:ext::sh -c hush", "must be an address like"),
        ("git:ssh://me:hush@h.org/r", "must have no password"),
        ("git:/srv/r#", "name of a branch"),
        ("git:/srv/r#--hush", "name of a branch"),
        ("git:/srv/r#a..hush", "name of a branch"),
        ("git:/srv/r#hush.lock", "name of a branch"),
        ("command:", "must name a program"),
        ("command:   ", "must name a program"),
        ("command:''", "must name a program"),
        ("command:'hush", "quotation mark"),
        ("command:TOKEN=hush keep", "must begin with the program"),
        ("command:a\\nhush", "one line of visible characters"),
        ("git:/srv/\\u0000hush", "one line of visible characters"),
    ],
)
def test_a_mistake_has_its_line_and_not_the_value(tmp_path: Path, text: str, message: str) -> None:
    said = mistakes(tmp_path, f'[proof]\nanchors = ["opentimestamps", "{text}"]\n')
    assert said.startswith("2: proof.anchors: ")
    assert message in said
    assert "hush" not in said


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    said = mistakes(tmp_path, '[proof]\nanchors = ["ftp:x", 5]\nkey = 1\ncertificate = "a"\npublic_key = " "\n')
    assert [line.partition(": ")[0] for line in said.splitlines()] == ["2", "2", "3", "4", "5"]
    assert 'did you mean "certificates"?' in said
    assert "hush" not in mistakes(tmp_path, '[proof]\nanchors = "git:https://a:hush@h.org/x"\n')


def test_two_anchors_at_one_place_are_refused(tmp_path: Path) -> None:
    said = mistakes(tmp_path, '[proof]\nanchors = ["git:https://a:hush@h.org/x", "git:https://b:hush@h.org/x"]\n')
    assert said == "2: proof.anchors: must be different places, not git:h.org twice"
    assert "a script can run both" in mistakes(
        tmp_path, '[proof]\nanchors = ["command:sh -c a", "command:sh -c b"]\n'
    )


def test_a_mistake_in_the_environment_names_the_variable_and_not_its_value() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {"FINARCHIVE_PROOF_ANCHORS": "opentimestamps,ftp://hush"})
    assert str(caught.value).startswith("FINARCHIVE_PROOF_ANCHORS: proof.anchors: must begin with")
    assert "hush" not in str(caught.value)


def test_settings_do_not_show_anchors() -> None:
    settings = Settings.model_validate({"proof": {"anchors": ["rfc3161:https://a:hush@h.org/"]}})
    assert "hush" not in f"{settings!r} {settings} {settings.proof.targets}"


def test_each_kind_has_files() -> None:
    assert set(KINDS) == set(anchor_files.EXTENSIONS)
