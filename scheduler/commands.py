"""The commands. Each is a few lines: it calls one function and shows what came of it."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import click

from archive.archive import INNER, index_path
from archive.store import Store
from config.load import sample_text
from scheduler import screen
from scheduler.article import find_article, view_article
from scheduler.charts import day_chart, recent_chart
from scheduler.cli import Refusal, Session
from scheduler.coverage import read_day
from scheduler.doctor import examine
from scheduler.exits import Exit
from scheduler.export_commands import export_command
from scheduler.find_commands import search_command
from scheduler.follow_commands import alerts_command, tail
from scheduler.handover import runs
from scheduler.record_commands import diff, rebuild_command, verify_command
from scheduler.reports import coverage_json, plain, report_coverage, report_feeds, report_gaps, status_json
from scheduler.serve_commands import serve
from scheduler.service_commands import service
from scheduler.work_commands import aware_time, backfill, crawl_command, retry, run

CONFIG_NAME = "finarchive.toml"

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")


def register(group: click.Group) -> None:
    """Add all commands to the command line."""
    for command in (
        crawl_command, run, feeds, status, coverage, backfill, retry, search_command, tail, alerts_command, show,
        diff, export_command, verify_command, rebuild_command, serve, service, init, doctor, demo,
    ):  # fmt: skip
        group.add_command(command)


@click.command()
@_json
@click.pass_obj
def feeds(session: Session, as_json: bool) -> None:
    """Show which feeds are configured, and which of them are on.

    Example: finarchive feeds
    """
    if as_json:
        rows = [feed.model_dump(mode="json") | {"author": feed.author_name} for feed in session.settings.feeds]
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        screen.show_feeds(session.settings, session.config_path)


@click.command()
@_json
@click.pass_obj
def status(session: Session, as_json: bool) -> None:
    """Show how each feed is doing, what waits and why, and what may have been missed.

    Example: finarchive status --json
    """
    store = _reading(session)
    now = session.now()
    if as_json:
        click.echo(json.dumps(status_json(session.settings, store, now), ensure_ascii=False))
    else:
        reports = report_feeds(session.settings, store, now)
        gaps, daemon = report_gaps(session.settings, store), runs(session.settings.archive.root.absolute() / INNER)
        screen.show_status(session.settings, reports, gaps, store, now, daemon=daemon)


@click.command()
@click.option("--feed", "names", multiple=True, metavar="ID", help="Show this feed; may be given more than once.")
@click.option("--day", "days", multiple=True, metavar="YYYY-MM-DD", help="Show the hours of this day in China.")
@_json
@click.pass_obj
def coverage(session: Session, names: tuple[str, ...], days: tuple[str, ...], as_json: bool) -> None:
    """Show how much of each day is known complete, for each feed that is on: of the last 14 days, or by the hour.

    Example: finarchive coverage --feed china --day 2026-09-30
    """
    store, now = _reading(session), session.now()
    shown = sorted({_day(text, now) for text in days})
    found = report_coverage(store, _in_the_index(session, store, names), shown, now)
    if as_json:
        click.echo(json.dumps(coverage_json(found), ensure_ascii=False))
    elif shown:
        for day in shown:
            screen.show_coverage(day_chart([f for f in found if f.day == day], now))
    else:
        screen.show_coverage(recent_chart(found))


@click.command()
@click.argument("id")
@click.option("--as-of", metavar="TIME", help="Show what was known then, such as 2026-09-30T09:30+08:00.")
@click.option("--html", "as_html", is_flag=True, help="Print a page to read, which loads nothing from elsewhere.")
@_json
@click.pass_obj
def show(session: Session, id: str, as_of: str | None, as_html: bool, as_json: bool) -> Exit:  # noqa: A002
    """Show an article: what is known of it, and its text. ID is a docid or a path.

    Example: finarchive show mcwiwss7730811 --as-of 2026-09-30T09:30+08:00

    Example: finarchive show mcwiwss7730811 --html > article.html
    """
    if as_html and as_json:
        raise Refusal("--html and --json exclude each other")
    time = aware_time(as_of) if as_of else None
    root, store = session.settings.archive.root, _reading(session)
    found = find_article(store, root, id, time)
    if found is None:
        then = f" that it knew at {as_of}" if as_of else ""
        raise Refusal(f"the archive {root} has no article {id}{then}")
    if as_html:
        page = view_article(store, root, found["docid"], time)
        if page is None:
            raise Refusal(f"the archive {root} has no version of {id} to show{' of then' if as_of else ' yet'}")
        click.echo(page.encode(), nl=False)  # whatever the terminal's encoding: the page states its own
        return Exit.DONE
    if as_json:
        click.echo(json.dumps(plain(found), ensure_ascii=False))
    else:
        screen.show_article(found)
    return Exit.DONE


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path(CONFIG_NAME))
def init(path: Path) -> Exit:
    """Write a configuration file with every setting, its default and what it means.

    Example: finarchive init
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(sample_text())
    except FileExistsError as error:
        raise Refusal(f"{path} is there already; it was left as it is") from error
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}") from error
    command = "finarchive crawl" if path == Path(CONFIG_NAME) else f"finarchive -c {path} crawl"
    click.echo(f"Wrote {path}: it holds every setting with its default. Edit it, then run: {command}")
    return Exit.DONE


@click.command()
@_json
@click.pass_obj
def doctor(session: Session, as_json: bool) -> Exit:
    """Check what finarchive needs: configuration, folder, index, room, network.

    Example: finarchive doctor
    """
    checks = examine(session)
    if as_json:
        click.echo(json.dumps([check.as_json() for check in checks], ensure_ascii=False))
    else:
        screen.show_checks(checks)
    return max((check.status for check in checks), default=Exit.DONE)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("demo-archive"))
@click.pass_obj
def demo(session: Session, folder: Path) -> Exit:
    """Archive a small invented news site on this machine, to show what finarchive does. Needs no network.

    Example: finarchive demo /tmp/demo
    """
    from scheduler.demo import run_demo  # noqa: PLC0415 - Scrapy again

    return run_demo(folder, session.now)


def _in_the_index(session: Session, store: Store, names: tuple[str, ...]) -> list[str]:
    """Ids of the feeds of these names, configured or not, else of all that are on."""
    unknown = set(names) - store.feed_histories().keys()
    if unknown - {feed.id for feed in session.settings.feeds}:
        session.chosen(tuple(sorted(unknown)))  # refuses, and names those there are
    return list(dict.fromkeys(names)) or [feed.id for feed in session.chosen(())]


def _day(text: str, now: datetime) -> date:
    try:
        return read_day(text, now)
    except ValueError as error:
        raise Refusal(f"--day {text}: {error}") from error


def _reading(session: Session) -> Store:
    return Store.open_for_reading(index_path(session.settings.archive.root))
