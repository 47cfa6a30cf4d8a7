"""docs/reliability.md names tests and commands that exist, and each row a breakage."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]


def test_each_named_test_and_command_exists() -> None:
    missing = []
    for path, name in re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", PAGE):
        file = ROOT / path
        if not file.is_file() or (name and f"def {name}(" not in file.read_text(encoding="utf-8")):
            missing.append(f"{path}::{name}")
    modules = {module for module in re.findall(r"python -m ([\w.]+)", PAGE) if module != "pytest"}
    for module in sorted(modules):
        place = ROOT.joinpath(*module.split("."))
        if not (place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()):
            missing.append(module)
    assert missing == []


def test_each_fault_has_a_count_a_command_and_a_breakage() -> None:
    faults = [row for row in ROWS if row.count("|") == 6]
    assert len(faults) > 40
    assert [row for row in faults if any(not cell.strip() for cell in row.strip("|").split("|"))] == []
