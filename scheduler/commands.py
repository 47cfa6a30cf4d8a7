"""The commands. Each is a few lines: it calls one function and shows what came of it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from archive.archive import Archive, index_path
from archive.store import Store
from config.load import sample_text
from scheduler import screen
from scheduler.article import find_article
from scheduler.cli import Refusal, Session
from scheduler.doctor import examine
from scheduler.exits import Exit
from scheduler.reports import plain, report_feeds, status_json

CONFIG_NAME = "finarchive.toml"

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")


def register(group: click.Group) -> None:
    """Add all commands to the command line."""
    for command in (crawl_command, feeds, status, show, retry, init, doctor, demo):
        group.add_command(command)


@click.command("crawl")
@click.argument("feed", nargs=-1)
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Archive at most N articles; the rest waits.")
@_json
@click.pass_obj
def crawl_command(session: Session, feed: tuple[str, ...], limit: int | None, as_json: bool) -> Exit:
    """Poll now, archive everything due, stop.

    FEEDs are ids from the configuration; without any, all feeds that are on are polled. What was found earlier and
    still waits is fetched too.

    Example: finarchive crawl china usstock --limit 20
    """
    from scheduler.crawl import crawl  # noqa: PLC0415 - Scrapy takes half a second that no other command should

    feeds = session.chosen(feed)
    if not as_json:
        screen.announce(session.settings, feeds)
    began = time.monotonic()
    with screen.progress(len(feeds), quiet=session.verbosity == -1) as on_change:
        result = crawl(session.settings, feeds, session.now, limit=limit, on_change=on_change)
    if as_json:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))
    else:
        screen.summarise(result, time.monotonic() - began)
    return result.exit_status()


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
        screen.show_status(session.settings, report_feeds(session.settings, store, now), store)


@click.command()
@click.argument("id")
@_json
@click.pass_obj
def show(session: Session, id: str, as_json: bool) -> Exit:  # noqa: A002 - its name on the command line
    """Show an article: what is known of it, and its text. ID is a docid or a path.

    Example: finarchive show mcwiwss7730811
    """
    found = find_article(_reading(session), session.settings.archive.root, id)
    if found is None:
        raise Refusal(f"the archive {session.settings.archive.root} has no article {id}")
    if as_json:
        click.echo(json.dumps(plain(found), ensure_ascii=False))
    else:
        screen.show_article(found)
    return Exit.DONE


@click.command()
@click.option("--parked", is_flag=True, help="Release also what was given up.")
@_json
@click.pass_obj
def retry(session: Session, parked: bool, as_json: bool) -> None:
    """Release what waits, for the next crawl to try again.

    Example: finarchive retry --parked && finarchive crawl
    """
    with Archive(session.settings.archive.root, "retry", session.now()) as archive:
        released = archive.store.release(session.now(), parked=parked)
    click.echo(json.dumps({"released": released}) if as_json else f"Released {released}: the next crawl tries them.")


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


def _reading(session: Session) -> Store:
    return Store.open_for_reading(index_path(session.settings.archive.root))
