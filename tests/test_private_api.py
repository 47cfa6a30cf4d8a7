"""What the program uses of its libraries beyond their documented API, and that it is still there.

A new release may change any of it without notice. These tests then name the file to check.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import platform
import sqlite3
from contextlib import closing
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasette.app import Datasette
from datasette.database import Database
from datasette.plugins import pm
from msgspec import Struct
from scrapy import Request, Spider
from scrapy.core.downloader import Downloader
from scrapy.core.downloader.middleware import DownloaderMiddlewareManager
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.settings import Settings
from twisted.internet.defer import Deferred

from tests.test_boundaries import modules, tree

TEMPLATES = Path(__file__).parents[1] / "web" / "templates"


class ApiUse(Struct, frozen=True):
    """Names of a library that a file of ours uses."""

    library: str  # the distribution
    file: str  # of ours
    owner: str  # module:object, or a module
    names: str  # of the owner, with spaces between

    def describe(self, what: str) -> str:
        """Return a failure message, with what is needed to fix it."""
        return f"{self.library} {installed(self.library)}: {what}; {self.file} uses it"


def installed(library: str) -> str:
    """The version of a distribution, or of Python."""
    return platform.python_version() if library == "Python" else version(library)


USES = (
    ApiUse("feedparser", "crawler/listings/feed_xml.py", "feedparser.mixin", "_FeedParserMixin"),
    ApiUse(
        "feedparser",
        "crawler/listings/feed_xml.py",
        "feedparser.mixin:_FeedParserMixin",
        "_sync_author_detail _get_context _add_tag _start_description _end_description _start_summary _end_summary"
        " _start_media_description _end_media_description push_content pop_content push pop can_be_relative_uri",
    ),
    ApiUse("Python", "crawler/extract/charset.py", "codecs:CodecInfo", "_is_text_encoding"),
    ApiUse(
        "Scrapy",
        "crawler/http/handler.py",
        "scrapy.core.downloader.handlers.http11:HTTP11DownloadHandler",
        "download_request",
    ),
    ApiUse(
        "Scrapy",
        "crawler/http/robots.py",
        "scrapy.downloadermiddlewares.robotstxt:RobotsTxtMiddleware",
        "robot_parser _robots_error",
    ),
    ApiUse("Scrapy", "crawler/http/robots.py", "scrapy.utils.httpobj", "urlparse_cached"),
    ApiUse("Scrapy", "crawler/engine.py", "scrapy.crawler:AsyncCrawlerProcess", "crawlers crawl start"),
    ApiUse(
        "Scrapy",
        "crawler/http/downloader.py",
        "scrapy.core.downloader:Downloader",
        "fetch _enqueue_request",
    ),
    ApiUse(
        "Scrapy",
        "crawler/http/downloader.py",
        "scrapy.core.downloader.middleware:DownloaderMiddlewareManager",
        "download_async _process_request _process_response",
    ),
    ApiUse("Scrapy", "crawler/http/settings.py", "scrapy.dupefilters", "BaseDupeFilter"),
    ApiUse(
        "Twisted", "crawler/http/ssrf.py", "twisted.internet.base:ReactorBase", "nameResolver installNameResolver"
    ),
    ApiUse(
        "Twisted",
        "scheduler/monitoring/health.py",
        "twisted.web.http:Request",
        "gotLength handleContentChunk process finish",
    ),
    ApiUse(
        "Twisted",
        "scheduler/monitoring/health.py",
        "twisted.web.http:HTTPChannel",
        "requestFactory callLater checkPersistence connectionMade connectionLost forceAbortClient loseConnection",
    ),
    ApiUse(
        "Twisted",
        "scheduler/monitoring/health.py",
        "twisted.web.http:HTTPFactory",
        "timeOut startFactory stopFactory buildProtocol",
    ),
    ApiUse(
        "datasette", "web/database.py", "datasette.app:Datasette", "_prepare_connection add_database remove_database"
    ),
    ApiUse("datasette", "web/database.py", "datasette.database:Database", "execute_fn attached_databases"),
    ApiUse("datasette", "web/database.py", "datasette.utils", "sqlite_timelimit"),
    ApiUse("datasette", "web/plugin.py", "datasette.utils.asgi:Base400", "status"),
    ApiUse("datasette", "web/plugin.py", "datasette.views.base", "DatasetteError"),
    ApiUse(
        "datasette",
        "web/site.py",
        "datasette.plugins:pm",
        "list_plugin_distinfo is_registered register unregister",
    ),
    ApiUse(
        "trafilatura",
        "crawler/extract/other_sites/fallback.py",
        "trafilatura",
        "settings extract extract_with_metadata",
    ),
    ApiUse("trafilatura", "crawler/extract/other_sites/fallback.py", "trafilatura.settings", "DEFAULT_CONFIG"),
    ApiUse(
        "exchange-calendars",
        "archive/export/calendars.py",
        "exchange_calendars.exchange_calendar_xhkg:XHKGExchangeCalendar",
        "bound_max sessions early_closes",
    ),
    ApiUse(
        "exchange-calendars",
        "archive/export/calendars.py",
        "exchange_calendars.exchange_calendar_xshg:XSHGExchangeCalendar",
        "bound_max sessions early_closes",
    ),
)

# Names that begin with an underscore and are documented: of os, and of named tuples.
PUBLIC = {"_exit", "_replace"}


def missing(use: ApiUse) -> list[str]:
    module, _, name = use.owner.partition(":")
    try:
        owner = import_module(module)
        owner = getattr(owner, name) if name else owner
    except (ImportError, AttributeError) as error:
        return [use.describe(f"no {use.owner} ({error})")]
    return [use.describe(f"{use.owner} has no {each}") for each in use.names.split() if not hasattr(owner, each)]


def test_undocumented_api_in_use_exists() -> None:
    lost = [line for use in USES for line in missing(use)]
    assert not lost, "\n".join(lost)


def defined(module: str) -> set[str]:
    """The names that a module defines or sets."""
    nodes = list(ast.walk(tree(module)))
    names = {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
    names |= {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    return names | {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def private(module: str) -> set[str]:
    """The names with an underscore that a module reads of objects, except those that it or a base class defines."""
    nodes = list(ast.walk(tree(module)))
    read = [n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)]
    used = {n.attr for n in read} - defined(module)
    bases = {base.id for n in nodes if isinstance(n, ast.ClassDef) for base in n.bases if isinstance(base, ast.Name)}
    for base in modules():
        if bases & {n.name for n in tree(base).body if isinstance(n, ast.ClassDef)}:
            used -= defined(base) & {n.attr for n in read if isinstance(n.value, ast.Name) and n.value.id == "self"}
    return {name for name in used if name[0] == "_" and name[:2] != "__"}


def test_every_private_attribute_of_a_library_is_checked_here() -> None:
    checked = {(use.file, name) for use in USES for name in use.names.split()}
    checked.add(("crawler/http/robots.py", "_parsers"))  # which instances have: see below
    used = {(module, name) for module in modules() for name in private(module) - PUBLIC}
    assert sorted(used - checked) == []


def robots(rules: Any = None) -> RobotsTxtMiddleware:
    """Scrapy's middleware, with one host's rules."""
    crawler: Any = Crawler(Spider, Settings({"ROBOTSTXT_OBEY": True, "USER_AGENT": "finarchive"}))
    crawler.stats = SimpleNamespace(inc_value=lambda *_: None)
    crawler.spider = None
    middleware = RobotsTxtMiddleware(crawler)
    middleware._parsers["example.org"] = rules
    return middleware


def test_scrapy_stores_the_rules_of_each_host_where_we_expect_them() -> None:
    use = ApiUse("Scrapy", "crawler/http/robots.py", "RobotsTxtMiddleware", "_parsers")
    rules = SimpleNamespace()
    found = asyncio.run(robots(rules).robot_parser(Request("http://example.org/a")))
    assert found is rules, use.describe("_parsers does not map a host to its rules")


def test_scrapy_forgets_why_robots_txt_could_not_be_fetched() -> None:
    use = ApiUse("Scrapy", "crawler/http/robots.py", "RobotsTxtMiddleware", "_robots_error")
    waiting: Deferred[Any] = Deferred()
    middleware = robots(waiting)
    middleware._robots_error(OSError("no network"), "example.org")
    assert middleware._parsers == {"example.org": None}, use.describe("_robots_error leaves no None in _parsers")
    assert waiting.called, use.describe("_robots_error does not wake those who wait")


def test_scrapy_waits_for_the_very_set_of_crawlers_that_it_shows() -> None:
    use = ApiUse("Scrapy", "crawler/engine.py", "AsyncCrawlerProcess", "crawlers")
    code: Any = AsyncCrawlerProcess.crawlers.fget  # type: ignore[attr-defined]
    inside = SimpleNamespace(_crawlers=set())
    assert code(inside) is inside._crawlers, use.describe("crawlers is a copy, and to clear it does nothing")
    assert "self.crawlers" in inspect.getsource(AsyncCrawlerProcess.stop), use.describe(
        "stop does not go by crawlers"
    )


def test_scrapy_explains_ignored_requests_in_the_messages_we_know() -> None:
    use = ApiUse("Scrapy", "crawler/http/failures.py", "IgnoreRequest", "")
    forbidding: Any = SimpleNamespace(allowed=lambda *_: False)
    with pytest.raises(IgnoreRequest) as refused:
        robots().process_request_2(forbidding, Request("http://example.org/a"))
    assert "robots.txt" in str(refused.value), use.describe(f"of robots.txt it says {refused.value}")
    crawler: Any = Crawler(Spider, Settings({"REDIRECT_MAX_TIMES": 0}))
    crawler.spider = None
    moved = Response("http://example.org/a", status=302, headers={"Location": "/b"})
    with pytest.raises(IgnoreRequest) as round_and_round:
        RedirectMiddleware.from_crawler(crawler).process_response(Request("http://example.org/a"), moved)
    assert "max redirections" in str(round_and_round.value), use.describe(
        f"of redirects it says {round_and_round.value}"
    )
    unpacking = inspect.getsource(import_module("scrapy.downloadermiddlewares.httpcompression"))
    assert "DOWNLOAD_MAXSIZE (" in unpacking, use.describe(
        "it does not say DOWNLOAD_MAXSIZE of what unpacks to too much"
    )


def test_scrapy_sends_a_request_through_the_steps_that_we_replace() -> None:
    use = ApiUse("Scrapy", "crawler/http/downloader.py", "Downloader", "_enqueue_request")
    fetch = inspect.getsource(Downloader)
    assert "self.middleware.download_async(self._enqueue_request, request)" in fetch, use.describe("fetch differs")
    assert "self.handlers.download_request_async(request)" in fetch, use.describe("it calls its handlers otherwise")
    steps = inspect.getsource(DownloaderMiddlewareManager.download_async)
    for step in ("self._process_request(", "self._process_exception(", "self._process_response("):
        assert step in steps, use.describe(f"download_async does not call {step[:-1]}")


def test_scrapy_flags_a_body_without_a_stated_length() -> None:
    use = ApiUse("Scrapy", "crawler/http/middleware.py", "Response", "flags")
    handler = inspect.getsource(import_module("scrapy.core.downloader.handlers.http11"))
    assert 'flags=["partial"]' in handler, use.describe("no flag `partial`")


def test_scrapy_makes_and_installs_a_resolver_in_the_way_we_know() -> None:
    use = ApiUse("Scrapy", "crawler/http/ssrf.py", "TWISTED_DNS_RESOLVER", "")
    code = inspect.getsource(import_module("scrapy.crawler"))
    assert ".install_on_reactor()" in code, use.describe("it does not call install_on_reactor")
    assert "build_from_crawler(resolver_class, self, reactor=reactor)" in code, use.describe(
        "from_crawler gets no reactor"
    )


def test_datasette_reads_through_the_methods_that_we_replace() -> None:
    use = ApiUse("datasette", "web/database.py", "Database", "execute_fn")
    assert "self.execute_fn(" in inspect.getsource(Database.execute), use.describe("execute goes another way")
    datasette = Datasette([], settings={"num_sql_threads": 1})
    assert hasattr(datasette.executor, "submit"), use.describe("Datasette.executor is no executor")
    assert Database(datasette).ds is datasette, use.describe("Database.ds is not its Datasette")
    with closing(sqlite3.connect(":memory:")) as connection:
        datasette._prepare_connection(connection, "index")
        names = {row[0] for row in connection.execute("SELECT name FROM pragma_function_list")}
    assert "escape_fts" in names, use.describe("_prepare_connection adds none of its SQL functions")


def test_datasette_has_what_our_site_replaces() -> None:
    use = ApiUse("datasette", "web/site.py", "Datasette", "jinja_env")
    datasette = Datasette([])
    environment = datasette.jinja_env
    assert hasattr(environment, "filters"), use.describe("jinja_env is no environment of Jinja")
    # Another test of this process may have made our site, which takes it out.
    is_there = pm.has_plugin("datasette.handle_exception") or pm.has_plugin("finarchive")
    assert is_there, use.describe("no plugin datasette.handle_exception")
    theirs = {path.name for path in (Path(inspect.getfile(Datasette)).parent / "templates").iterdir()}
    ours = {path.name for path in TEMPLATES.glob("_c*.html")} | {"base.html", "table.html"}
    assert ours <= theirs, use.describe(f"no templates {ours - theirs}")


def test_datasettes_errors_tell_what_our_page_says() -> None:
    use = ApiUse("datasette", "web/plugin.py", "DatasetteError", "")
    error = import_module("datasette.views.base").DatasetteError("no", title="No", status=400, message_is_html=True)
    attributes = (error.message, error.title, error.status, error.message_is_html)
    assert attributes == ("no", "No", 400, True), use.describe("DatasetteError has other attributes")


def test_trafilatura_knows_the_setting_that_we_change() -> None:
    use = ApiUse("trafilatura", "crawler/extract/other_sites/fallback.py", "DEFAULT_CONFIG", "MIN_EXTRACTED_SIZE")
    settings = import_module("trafilatura.settings").DEFAULT_CONFIG["DEFAULT"]
    assert "MIN_EXTRACTED_SIZE" in settings, use.describe("no setting MIN_EXTRACTED_SIZE")
