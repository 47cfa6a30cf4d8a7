"""docs/decisions.md: each decision has its form and one number, and each number that is cited exists."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DECISIONS = ROOT / "docs" / "decisions.md"
# Folders without text of our own: builds, what `make demo` writes, pages as a site sent them.
_SKIPPED = {"artefacts", "build", "demo-archive", "news", "node_modules", "pages", "pairs"}
_SUFFIXES = {".css", ".html", ".md", ".py", ".service", ".sql", ".toml"}
_CITATION = re.compile(r"\bD([1-9]\d{0,2})\b")
_FORM = re.compile(r"^\*\*D[1-9]\d{0,2} \S.*[.?]\*\*\n(?:(?!\*\*|#)\S.*\n)*?.*\(20\d\d-\d\d-\d\d\)\n?$")


def test_each_decision_has_a_bold_line_a_reason_and_a_date() -> None:
    paragraphs = DECISIONS.read_text(encoding="utf-8").split("\n## ", 1)[1].split("\n\n")
    entries = [each for each in paragraphs[1:] if not each.startswith("## ")]  # the first is the first area's name
    assert [each for each in entries if not _FORM.match(each)] == []
    assert len(entries) == len(_numbers())


def test_no_number_is_defined_twice() -> None:
    assert [number for number, times in Counter(_numbers()).items() if times > 1] == []


def test_each_cited_decision_exists() -> None:
    known = set(_numbers())
    unknown = [
        f"{path.relative_to(ROOT)}:{line}: D{number}"
        for path in _files()
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for number in _CITATION.findall(text)
        if number not in known
    ]
    assert unknown == []


def test_product_code_cites_decisions() -> None:
    """Without a citation found, the test above could not fail."""
    product = [path for path in _files() if path.suffix == ".py" and "tests" not in path.relative_to(ROOT).parts]
    assert any(_CITATION.search(path.read_text(encoding="utf-8")) for path in product)


def _numbers() -> list[str]:
    return re.findall(r"^\*\*D(\d+) ", DECISIONS.read_text(encoding="utf-8"), re.MULTILINE)


def _files() -> list[Path]:
    return sorted(
        Path(folder, name) for folder, names in _backfill() for name in names if Path(name).suffix in _SUFFIXES
    )


def _backfill() -> Iterator[tuple[str, list[str]]]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [each for each in folders if each not in _SKIPPED and not each.startswith(".")]
        yield folder, names
