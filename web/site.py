"""The ASGI application: Datasette with the archive's pages and the security headers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from archive.files.hashing import sha256_of_file
from archive.files.paths import CHINA
from web import links
from web.http.language import with_language
from web.http.responses import with_validators
from web.http.security import Application, with_security
from web.queries.pool import QueryPool
from web.rendering import text
from web.rendering.language import gettext, ngettext
from web.rendering.reasons import reason
from web.request import SiteContext
from web.tables import TABLES

_FOLDER = Path(__file__).parent
SETTINGS = {
    # Limit for a user's own SQL query; Datasette's default. A slow query occupies one of the three threads.
    "sql_time_limit_ms": 1_000,
    "num_sql_threads": 3,
    # Limit for the rows of one response; Datasette's default. More rows come page by page, or all as CSV
    # (_stream=on), which does not hold more in memory.
    "max_returned_rows": 1_000,
    # The file may change during a download, so the copy might not be a database. Tables have CSV and JSON.
    "allow_download": False,
    # Pages show the present state: a crawl may have changed it.
    "default_cache_ttl": 0,
    # No limit: a table is streamed, one page at a time.
    "max_csv_mb": 0,
    # Suggestions need a count of each column for each page, which is slow in a table of a million rows.
    "suggest_facets": False,
}


@contextmanager
def application(indexes: Mapping[str, Path], site: SiteContext) -> Iterator[Application]:
    """Yield the application that serves an archive, or several as one; it has child processes until the block ends.

    :param indexes: the paths of the archives' indexes, by the names of the archives
    :param site: the context of the pages
    """
    from datasette.app import Datasette  # noqa: PLC0415 - the import takes as long as a whole command
    from datasette.plugins import pm  # noqa: PLC0415

    from web import plugin  # noqa: PLC0415
    from web.database import Index, UnionReader  # noqa: PLC0415

    _register(plugin, pm)
    datasette = Datasette(
        [],
        settings=SETTINGS,
        template_dir=str(_FOLDER / "templates"),
        static_mounts=[("style", str(_FOLDER / "static"))],
        metadata={"title": "finarchive"},
    )
    datasette.remove_database("_memory")
    queries = QueryPool([*indexes.values()])
    databases = {
        links.database(name, indexes): Index(datasette, path, queries, place)
        for place, (name, path) in enumerate(indexes.items())
    }
    for name, database in databases.items():
        datasette.add_database(database, name=name)
    # Undocumented in Datasette 0.65: its Jinja environment.
    _prepare(datasette.jinja_env)
    styles = {name: _hashed(file) for name, file in (("style", "reader.css"), ("data_style", "data.css"))}
    datasette.jinja_env.globals.update(styles, descriptions=TABLES, databases=_labels(indexes))
    immutable = {*styles.values(), f"/-/static/app.css?{datasette.app_css_hash()}"}
    reader = UnionReader(datasette, indexes) if len(indexes) > 1 else next(iter(databases.values()))
    plugin.attach(datasette, reader, site)
    try:
        yield with_security(with_language(with_validators(datasette.app(), immutable)), site.names)
    finally:
        for database in databases.values():
            database.close()


def _register(plugin: ModuleType, manager: Any) -> None:
    """Register our plugin with Datasette's plugin manager, in place of all others."""
    # Other installed plugins of Datasette would add their features to the site.
    for other, _ in manager.list_plugin_distinfo():
        manager.unregister(other)
    if not manager.is_registered(plugin):
        manager.register(plugin, "finarchive")
        # Datasette's own handler prints local variables to the terminal. Undocumented in Datasette 0.65: its name.
        manager.unregister(name="datasette.handle_exception")


def _labels(indexes: Mapping[str, Path]) -> list[tuple[str, str]]:
    """Return the name of each archive, "" of the only one, and the address of its tables."""
    several = len(indexes) > 1
    return [(name if several else "", links.tables(f"{name}/" if several else "")) for name in indexes]


def _prepare(environment: Any) -> None:
    """Add filters to Datasette's Jinja environment, and messages in the language of the request."""
    environment.filters.update(_FILTERS)
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)


def _hashed(file: str) -> str:
    """Return the address of a style sheet with a short digest, so that browsers reload a changed file."""
    return f"/style/{file}?{sha256_of_file(_FOLDER / 'static' / file)[:12]}"


def _china(time: datetime | str | None, form: str = "%Y-%m-%d %H:%M") -> str:
    """Return a time in China's time zone; "" for None. Strings are ISO 8601, as in the index."""
    if not time:
        return ""
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return f"{moment.astimezone(CHINA):{form}}"


def _day(time: datetime) -> str:
    return _china(time, "%Y-%m-%d")


def _thousands(number: float) -> str:
    return f"{number:,}"


_FILTERS = {
    "china": _china, "day": _day, "thousands": _thousands, "labelled": text.labelled, "marked": text.marked,
    "reason": reason, "translated": gettext, "visible": text.visible, "visible_text": text.visible_text,
}  # fmt: skip
