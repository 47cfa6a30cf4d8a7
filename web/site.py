"""The whole of what is served, as an ASGI application."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from archive.files.hashing import sha256_of_file
from archive.files.paths import CHINA
from archive.model.results import Mark
from web.request import SiteContext
from web.security import Application, guarded

HERE = Path(__file__).parent
SETTINGS = {
    # Milliseconds for one query of somebody's own: Datasette's default. Three threads read; a slow one is a third of
    # them.
    "sql_time_limit_ms": 1_000,
    "num_sql_threads": 3,
    # Rows of one answer: Datasette's default. More come page by page, or whole as CSV (_stream=on), of which no
    # more is held in memory.
    "max_returned_rows": 1_000,
    # The file changes while it would be read: what came of it might be no database. Tables have CSV and JSON.
    "allow_download": False,
    # What is shown is as it stands now: a crawl may have changed it.
    "default_cache_ttl": 0,
    # A whole table, of however many megabytes: it is streamed, a page of it at a time.
    "max_csv_mb": 0,
    # It costs a count of each column for each page of a table, which is long in a table of a million rows.
    "suggest_facets": False,
}


def application(index: Path, library: SiteContext, names: Iterable[str] = ()) -> Application:
    """What serves the archive.

    :param index: the file of its index
    :param names: that a request may call it by, beside localhost and 127.0.0.1
    """
    from datasette.app import Datasette  # noqa: PLC0415 - it takes the time of a whole command
    from datasette.plugins import pm  # noqa: PLC0415

    from web import plugin  # noqa: PLC0415
    from web.database import Index  # noqa: PLC0415

    # Plugins that happen to be installed beside us would be served too, with whatever they can.
    for other, _ in pm.list_plugin_distinfo():
        pm.unregister(other)
    if not pm.is_registered(plugin):
        pm.register(plugin, "finarchive")
        # Its own prints whatever stood in memory to the terminal. Undocumented in Datasette 0.65: the plugin's name.
        pm.unregister(name="datasette.handle_exception")
    datasette = Datasette(
        [],
        settings=SETTINGS,
        template_dir=str(HERE / "templates"),
        static_mounts=[("style", str(HERE / "static"))],
        metadata={"title": "finarchive"},
    )
    datasette.remove_database("_memory")
    opened = Index(datasette, index)
    datasette.add_database(opened, name="index")
    # Undocumented in Datasette 0.65: its Jinja environment.
    datasette.jinja_env.filters.update(china=_china, day=_day, marked=_marked, thousands=_thousands)
    for name, file in (("style", "reader.css"), ("data_style", "data.css")):
        datasette.jinja_env.globals[name] = f"/style/{file}?{_digest(HERE / 'static' / file)}"
    plugin.furnish(datasette, opened, library)
    return guarded(datasette.app(), names)


def _digest(path: Path) -> str:
    """What makes another address of another file, for browsers that keep it."""
    return sha256_of_file(path)[:12]


def _china(time: datetime | str | None, form: str = "%Y-%m-%d %H:%M") -> str:
    """A time in China, or as the index has it; "" for none."""
    if not time:
        return ""
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return f"{moment.astimezone(CHINA):{form}}"


def _day(time: datetime) -> str:
    return _china(time, "%Y-%m-%d")


def _thousands(number: float) -> str:
    return f"{number:,}"


def _marked(text: str, marks: Sequence[Mark]) -> Markup:
    """A text with what was asked for marked in it."""
    parts: list[Any] = []
    done = 0
    for start, end in marks:
        parts += [escape(text[done:start]), Markup("<mark>{}</mark>").format(text[start:end])]
        done = end
    return Markup("").join([*parts, escape(text[done:])])
