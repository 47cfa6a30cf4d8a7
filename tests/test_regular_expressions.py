"""No regular expression of the program takes more than linear time over foreign text."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.regex_cost import problems

ROOT = Path(__file__).parents[1]
PACKAGES = ("archive", "crawler", "pipeline", "scheduler", "web")
# Where the rules of tests/support/regex_cost.py see more than there is.
LINEAR = {
    "archive.diff.text._TOKEN": "where a number is none, the whole of it is a word",
    "archive.export.html._IMAGE": "each attribute ends with the quotation mark with which the next one begins",
    "archive.export.sites._PRE": "used before the last end only, so that each beginning has one",
    "crawler.extract.body._AD_LIST": "used before the last end only",
    "crawler.extract.body._BLANK_LINES": "used before the last end only; each line is read once",
    "crawler.extract.body._COMMENT": "used before the last end only",
    "crawler.extract.embedded._FIELD": "a string ends with the quotation mark with which the next one begins",
    "crawler.extract.embedded._OBJECT": "an object ends where the next one begins",
    "crawler.extract.fingerprint._DATELINE": "nothing that may fail follows the second repeat",
    "crawler.markup.limits._ATTRIBUTES": "nothing that may fail follows its repeats",
}
# What they read is not foreign, or short.
NOT_FOREIGN = {
    "archive.query.parser._TOKEN": "a query of the user's",
    "scheduler.monitoring.logs._CONVERSION": "the format of our own log lines",
    "web.request._SPACE_FOR_PLUS": "a parameter of a request of the user's",
}


def _patterns(value: object, depth: int = 0) -> Iterator[re.Pattern[str] | re.Pattern[bytes]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (dict, tuple, list, frozenset)) and depth < 4:
        for each in value.values() if isinstance(value, dict) else value:
            yield from _patterns(each, depth + 1)


def _modules() -> list[str]:
    files = (path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(".".join(path.with_suffix("").parts) for path in files if path.stem not in ("__init__", "__main__"))


def test_no_pattern_takes_more_than_linear_time() -> None:
    wrong, seen = [], 0
    for name in _modules():
        source = (ROOT / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
        for variable, value in vars(importlib.import_module(name)).items():
            uses = set(re.findall(rf"\b{re.escape(variable)}\.(\w+)", source))
            for pattern in _patterns(value):
                seen += 1
                found = problems(pattern, is_search=not uses or bool(uses - {"match", "fullmatch"}))
                if found and f"{name}.{variable}" not in LINEAR | NOT_FOREIGN:
                    wrong.append(f"{name}.{variable}: {'; '.join(found[:3])}")
    assert wrong == []
    assert seen > 100


def test_patterns_are_compiled_where_the_test_finds_them() -> None:
    """In the crawler, which reads what others wrote, patterns are constants of a module."""
    wrong = []
    for path in (ROOT / "crawler").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).startswith("re."):
                continue
            if ast.unparse(node.func) not in ("re.compile", "re.escape"):
                wrong.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    assert wrong == []


@pytest.mark.parametrize(
    ("pattern", "is_search"),
    [
        (r"(a+)+$", False),
        (r"(a|a)*b", False),
        (r"(?:a|ab|b)*c", False),
        (r"a*a*b", False),
        (r"\s*x?\s*y", False),
        (r"\((.*)\)\s*;?\s*$", False),
        (r".*,.*,.*x", False),
        (r"(?:\s*\w*)*x", False),
        (r"\s*,", True),
        (r"<!--.*?-->", True),
        (r"<pre\b.*?</pre>", True),
        (r"\d+x", True),
        (r"[a-z]+(?=x)", True),
    ],
)
def test_a_slow_pattern_is_found(pattern: str, is_search: bool) -> None:
    assert problems(re.compile(pattern, re.DOTALL), is_search=is_search)


@pytest.mark.parametrize(
    ("pattern", "is_search"),
    [
        (r"\s*[,;]\s*", False),
        (r"(?:[^'\\]|\\.)*'", False),
        (r"\s*+,\s*+x", False),
        (r"a+", True),
        (r"<[^<>]*>", True),
        (r"(?<=\S)\t+(?=\S)", True),
        (r"^\s*x", True),
        (r"(\d{4})-(\d\d)", True),
        (r"x\s*:\s*y", True),
        (r"(?:,\s*\w+)*$", False),
    ],
)
def test_a_fast_pattern_is_not(pattern: str, is_search: bool) -> None:
    assert problems(re.compile(pattern), is_search=is_search) == []
