"""The two READMEs: they name the same commands and pages, and all commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))


def commands(text: str) -> list[str]:
    """Every command in a README, in its order: in the table, in other code, and at prompts."""
    code = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    named = [each for each in code if re.match(r"(?:sudo )?(?:finarchive|make|pipx|docker)\b", each)]
    return named + prompts(text)


def prompts(text: str) -> list[str]:
    return [line.partition("#")[0].strip() for line in text.splitlines() if line.startswith("$ ")]


def test_both_name_the_same_commands_in_the_same_order() -> None:
    assert commands(ENGLISH) == commands(CHINESE)


def test_both_have_the_same_sections_and_link_to_the_same_pages() -> None:
    assert len(re.findall(r"^## ", ENGLISH, re.MULTILINE)) == len(re.findall(r"^## ", CHINESE, re.MULTILINE))
    pages = [set(re.findall(r"\]\((docs/[^)]+)\)", text)) for text in (ENGLISH, CHINESE)]
    assert pages[0] == pages[1]
    assert not [page for page in pages[0] if not (ROOT / page).exists()]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_each_command_of_the_program_is_in_the_table(text: str) -> None:
    assert {name for name in COMMANDS if f"| `finarchive {name}" not in text} == set()


def test_each_links_to_the_other() -> None:
    assert "(README.zh-CN.md)" in ENGLISH
    assert "(README.md)" in CHINESE
