"""The container's files: a linter accepts them, and what they name exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.main import COMMANDS
from config.environment import read_environment

ROOT = Path(__file__).parents[1]
COMPOSED = ("compose.yaml", "compose.cluster.yaml")
HADOLINT = Path(sys.executable).with_name("hadolint")


def services(file: str = "compose.yaml") -> dict[str, Any]:
    """The services of a file that run finarchive."""
    document = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    used = {str(each).split(":")[0] for one in document["services"].values() for each in one.get("volumes", ())}
    assert used == set(document["volumes"])
    return {name: service for name, service in document["services"].items() if service["image"] == "finarchive"}


def test_the_linter_finds_nothing_in_the_containerfile() -> None:
    command = [HADOLINT, "--no-color", "--failure-threshold", "style", ROOT / "Containerfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_the_build_copies_is_in_the_repository_and_not_ignored() -> None:
    ignored = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "tests"}

    assert not {"docs", "requirements.lock", "pyproject.toml", "README.md", "LICENSE", *packages} & set(ignored)
    assert (ROOT / ".dockerignore").resolve() == ROOT / ".containerignore"


@pytest.mark.parametrize("file", COMPOSED)
def test_each_service_runs_a_command_that_exists_without_privileges(file: str) -> None:
    for name, service in services(file).items():
        assert service["command"][0] in COMMANDS, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not [each for each in service.get("ports", ()) if not each.startswith("127.0.0.1:")], name


@pytest.mark.parametrize("file", COMPOSED)
def test_each_setting_of_the_services_is_one(file: str) -> None:
    containerfile = (ROOT / "Containerfile").read_text(encoding="utf-8")
    settings = dict(re.findall(r"\b(FINARCHIVE_\w+)=(\S+)", containerfile))
    assert settings == {"FINARCHIVE_ARCHIVE_ROOT": "/archive"}

    for service in services(file).values():
        overrides = read_environment({**settings, **service.get("environment", {})})
        assert not overrides.mistakes


def test_the_health_check_asks_the_port_that_the_daemon_listens_on() -> None:
    daemon = services()["daemon"]

    port = daemon["environment"]["FINARCHIVE_HEALTH_PORT"]
    assert f"http://127.0.0.1:{port}/healthz" in daemon["healthcheck"]["test"][-1]


def test_the_cluster_has_two_keepers_with_one_mirror_and_two_fetchers() -> None:
    composed = services("compose.cluster.yaml")
    keepers = [service for service in composed.values() if service["command"] == ["run"]]
    mirrors = {service["environment"]["FINARCHIVE_JOURNAL_MIRROR"] for service in keepers}
    dsn = {service["environment"]["FINARCHIVE_CLUSTER_DSN"] for service in keepers}
    assert (len(keepers), len(mirrors), composed["fetcher"]["deploy"]["replicas"]) == (2, 1, 2)
    assert dsn == {composed["init"]["command"][-1]} == {composed["fetcher"]["command"][-1]}
    assert len({service["hostname"] for service in keepers}) == 2  # a keeper's name has it


def test_the_reader_cannot_change_the_archive() -> None:
    assert services()["reader"]["volumes"] == ["archive:/archive:ro"]
    assert services()["daemon"]["volumes"] == ["archive:/archive"]
