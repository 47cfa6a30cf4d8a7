"""What the service is installed with: locked releases fit the project, and a known vulnerability fails the check."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
EXTRAS = ("alerts", "backup", "proof")  # that the service is installed with


def locked() -> dict[str, list[Requirement]]:
    """The locked releases by name; some have several, for different versions of Python."""
    found: dict[str, list[Requirement]] = {}
    for line in re.findall(r"^([A-Za-z0-9].*?) \\$", LOCK.read_text(), re.MULTILINE):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def test_the_lock_has_a_fitting_release_of_each_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [each for extra in EXTRAS for each in project["optional-dependencies"][extra]]
    releases, wrong = locked(), []
    for text in wanted:
        requirement = Requirement(text)
        versions = [
            next(iter(each.specifier)).version for each in releases.get(canonicalize_name(requirement.name), [])
        ]
        if not versions or not all(requirement.specifier.contains(version) for version in versions):
            wrong.append(f"{text}: the lock has {versions or 'none'}; make lock")
    assert wrong == []


def test_each_locked_release_is_exact_and_has_hashes() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK.read_text(), flags=re.MULTILINE)[1:]
    assert len(entries) > 50
    assert [
        each for each in entries if not re.match(r"\S+==\S+ (;.*)?\\\n    --hash=sha256:[0-9a-f]{64}", each)
    ] == []


def test_developers_tools_are_not_in_the_lock() -> None:
    assert not {"pytest", "mypy", "ruff", "hypothesis", "pip-audit", "cyclonedx-bom", "uv"} & locked().keys()


def audit(tmp_path: Path, report: Sequence[dict[str, Any]] | None, status: int) -> subprocess.CompletedProcess[str]:
    """Run the check with a stand-in for pip-audit that writes this report; None: it writes an error."""
    tool = tmp_path / "pip-audit"
    text = json.dumps({"dependencies": report})
    write = "echo 'ERROR: no route to pypi.org' >&2" if report is None else f"echo '{text}' > \"$last\""
    tool.write_text(f'#!/bin/bash\nlast="${{@: -1}}"\n{write}\nexit {status}\n')
    tool.chmod(0o755)
    env = os.environ | {"PIP_AUDIT": str(tool)}
    return subprocess.run([ROOT / ".ci" / "audit"], env=env, capture_output=True, text=True, check=False)


WHOLE: dict[str, Any] = {"name": "scrapy", "version": "2.19.0", "vulns": []}


def test_an_audit_without_a_source_says_so_and_passes(tmp_path: Path) -> None:
    done = audit(tmp_path, None, 1)
    assert (done.returncode, done.stdout) == (
        0, "audit: skipped: no source of advisories answered: ERROR: no route to pypi.org\n",
    )  # fmt: skip


def test_an_audit_that_could_look_nothing_up_does_not_say_that_all_is_well(tmp_path: Path) -> None:
    unknown = {"name": "scrapy", "skip_reason": "Dependency not found on PyPI"}
    done = audit(tmp_path, [unknown], 0)
    assert done.returncode == 0
    assert done.stdout == "audit: skipped: no package could be looked up: Dependency not found on PyPI\n"
    assert "scrapy was not looked up" in audit(tmp_path, [WHOLE, unknown], 0).stdout


def test_an_audit_that_finds_nothing_passes(tmp_path: Path) -> None:
    done = audit(tmp_path, [WHOLE], 0)
    assert (done.returncode, done.stdout) == (0, "audit: 1 packages looked up, 0 known vulnerabilities\n")


@pytest.mark.parametrize("fixed", [[], ["2.19.1"]])
def test_a_known_vulnerability_fails(tmp_path: Path, fixed: list[str]) -> None:
    flawed = WHOLE | {"vulns": [{"id": "PYSEC-2026-1", "fix_versions": fixed}]}
    done = audit(tmp_path, [WHOLE, flawed], 1)
    assert done.returncode == 1
    assert f"audit: scrapy 2.19.0 has PYSEC-2026-1; fixed in {fixed[0] if fixed else 'none'}\n" in done.stdout
