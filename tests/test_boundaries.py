"""The order of the house: which way imports point, where each library lives, and how long things may be."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("archive", "config", "crawler", "reader", "replica", "scheduler")

# Package -> what of ours its modules may import. A dotted name allows that module only.
OURS = {
    "scheduler": ("scheduler", "config", "crawler", "archive", "reader"),
    "crawler": ("crawler", "config.model", "archive.model.article", "archive.model.fetch"),
    "archive": ("archive",),
    "reader": ("reader", "archive", "config.model"),
    "config": ("config",),
    "replica": ("replica",),
}
OURS_BESIDES = {"cli/demo_site.py": ("replica",)}

# Library -> the files or packages that may import it. One that is not in this table may be imported nowhere.
_SCRAPY = tuple(
    f"crawler/{name}.py" for name in ("spider", "lists", "download", "guard", "failures", "engine", "pictures")
)
HOMES = {
    "scrapy": _SCRAPY,
    "twisted": (*_SCRAPY, "scheduler/monitoring/health.py"),
    "zope": _SCRAPY,
    "selectolax": (
        *(f"crawler/{name}.py" for name in ("body", "extract", "plain", "scripted", "unknown")),
        "crawler/listings/column.py",
    ),
    "feedparser": ("crawler/listings/rss.py",),
    "trafilatura": ("crawler/extract/fallback.py",),
    "w3lib": ("crawler/extract/charset.py",),
    "sqlite_utils": ("archive/index/database.py",),
    "sqlite3": (
        "archive/index/connection.py",
        "archive/index/statements.py",
        "archive/integrity/carry_over.py",
        "archive/integrity/index_diff.py",
        "web/database.py",
    ),
    "frontmatter": ("archive/files/post.py",),
    "yaml": ("archive/files/post.py",),
    "apprise": ("scheduler/alerts/apprise_process.py",),
    "apscheduler": ("config/cron.py", "scheduler/daemon/timetable.py"),
    "prometheus_client": ("scheduler/monitoring/metrics.py",),
    "pydantic": ("config/", "archive/journal/documents.py"),
    "nh3": ("archive/export/html.py",),
    "pyarrow": ("archive/export/parquet.py",),
    "exchange_calendars": ("archive/export/calendars.py",),
    "rapidfuzz": ("archive/diff/text.py",),
    "datasette": ("web/plugin.py", "web/database.py", "web/site.py"),
    "markupsafe": ("reader/",),
    "uvicorn": ("cli/web_server.py",),
    "warcio": ("archive/journal/warc_records.py",),
    "pydantic_core": ("config/",),
    "click": tuple(
        f"scheduler/{name}.py"
        for name in (
            "cli",
            "commands",
            "work_commands",
            "service_commands",
            "record_commands",
            "find_commands",
            "follow_commands",
            "serve_commands",
            "export_commands",
        )
    ),
    "rich": tuple(f"scheduler/{name}.py" for name in ("screen", "record_screen", "difference_screen", "find_screen")),
}

LONGEST_FILE, LONGEST_FUNCTION = 300, 40  # lines


def modules() -> list[str]:
    """Every module's path from the root; those of packages nobody has told this test of are found too."""
    folders = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name not in {"tests", "bench"}]
    return sorted(path.relative_to(ROOT).as_posix() for folder in folders for path in folder.rglob("*.py"))


def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), module)


def imported(module: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, wherever it stands; ``from a import b`` is a.b where that is a module."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if node.level:
                package = Path(module).with_suffix("").parts[: -node.level]
                name = ".".join(filter(None, (*package, name)))
            for alias in node.names:
                inner = f"{name}.{alias.name}"
                path = ROOT.joinpath(*inner.split("."))
                yield node.lineno, inner if path.with_suffix(".py").is_file() or path.is_dir() else name


def allows(rule: str, name: str) -> bool:
    return name == rule or name.startswith(f"{rule}.")


def test_the_table_of_packages_is_that_of_the_tree() -> None:
    assert {module.partition("/")[0] for module in modules()} == set(PACKAGES) == set(OURS)


@pytest.mark.parametrize("module", modules())
def test_imports_of_ours_point_the_allowed_way(module: str) -> None:
    rules = OURS[module.partition("/")[0]] + OURS_BESIDES.get(module, ())
    wrong = [
        f"{module}:{line} imports {name}"
        for line, name in imported(module)
        if name.partition(".")[0] in PACKAGES and not any(allows(rule, name) for rule in rules)
    ]
    assert wrong == []


@pytest.mark.parametrize("module", modules())
def test_each_library_is_imported_in_its_home_only(module: str) -> None:
    wrong = []
    for line, name in imported(module):
        library = name.partition(".")[0]
        known = library in PACKAGES or (library in sys.stdlib_module_names and library not in HOMES)
        homes = HOMES.get(library, ())
        if not known and not any(module == home or (home[-1] == "/" and module.startswith(home)) for home in homes):
            wrong.append(f"{module}:{line} imports {library}, which lives in {', '.join(homes) or 'no file'}")
    assert wrong == []


def test_every_home_is_lived_in() -> None:
    """A table that allows more than is used would hide the next wrong import."""
    used = {name.partition(".")[0] for module in modules() for _, name in imported(module)}
    assert set(HOMES) <= used


@pytest.mark.parametrize("module", modules())
def test_no_file_is_longer_than_the_house_allows(module: str) -> None:
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("module", modules())
def test_no_function_is_longer_than_the_house_allows(module: str) -> None:
    functions = [n for n in ast.walk(tree(module)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    lengths = {f"{module}:{n.lineno} {n.name}": (n.end_lineno or 0) - n.lineno + 1 for n in functions}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def without_docstring(module: str) -> Iterator[str]:
    root = tree(module)
    if not root.body:
        return  # an empty __init__.py
    scopes: list[tuple[ast.Module | ast.ClassDef, str]] = [(root, "")]
    if ast.get_docstring(root) is None:
        yield module
    while scopes:
        scope, prefix = scopes.pop()
        for node in scope.body:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name[0] == "_":
                continue
            if ast.get_docstring(node) is None:
                yield f"{module}:{node.lineno} {prefix}{node.name}"
            if isinstance(node, ast.ClassDef):
                scopes.append((node, f"{prefix}{node.name}."))


@pytest.mark.parametrize("module", modules())
def test_what_is_public_says_what_it_is(module: str) -> None:
    if module.startswith("replica/"):
        return  # a site for trying things out, with its own ways
    assert list(without_docstring(module)) == []
