"""The commands that work on the archive: in this process, or in the daemon that holds it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archive.archive import INNER, Archive
from archive.paths import CHINA
from archive.records import Span
from scheduler import logs, screen
from scheduler.cli import Refusal, Session
from scheduler.exits import Exit
from scheduler.handover import NoDaemonError, hand_over
from scheduler.recovery import recover
from scheduler.tally import CrawlResult, Tally

if TYPE_CHECKING:
    from config.model import Feed

T = TypeVar("T")

_YEARS = range(1990, 2200)  # the web's, and those that a test may be of; arithmetic goes wrong at the calendar's ends

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")


@click.command("crawl")
@click.argument("feed", nargs=-1)
@click.option(
    "--limit", type=click.IntRange(0, 1_000_000_000), metavar="N", help="Archive at most N articles; the rest waits."
)
@_json
@click.pass_obj
def crawl_command(session: Session, feed: tuple[str, ...], limit: int | None, as_json: bool) -> Exit:
    """Poll now, archive everything due, stop.

    FEEDs are ids from the configuration; without any, all feeds that are on are polled. What was found earlier and
    still waits is fetched too. Where the daemon holds the archive, it does the work.

    Example: finarchive crawl china usstock --limit 20
    """
    feeds = session.chosen(feed)
    if not as_json:
        screen.announce(session.settings, feeds)
    request = {"command": "crawl", "feeds": list(feed), "limit": limit}
    return _carry_out(session, feeds, request, as_json, limit=limit)


@click.command()
@click.argument("feed")
@click.option("--from", "start", required=True, metavar="DATE", help="A day in China, or a time with its zone.")
@click.option("--to", "end", metavar="DATE", help="The same; a day is meant to its end. Now, unless given.")
@_json
@click.pass_obj
def backfill(session: Session, feed: str, start: str, end: str | None, as_json: bool) -> Exit:
    """Walk through the past of a feed's list, and archive everything it had.

    What is known complete already is not read again, so a second run does nothing, and one that was interrupted is
    carried on by the next.

    Example: finarchive backfill china --from 2026-09-01 --to 2026-09-07
    """
    feeds, now = session.chosen((feed,)), session.now()
    stretch = Span(_time(start), min(_time(end, is_end=True), now) if end else now)
    if stretch.start >= stretch.end:
        raise Refusal(f"--from {start} is not before {f'--to {end}' if end and _time(end) <= now else 'the present'}")
    if not as_json:
        screen.announce_walk(session.settings, feeds[0], stretch)
    span = {"start": stretch.start.isoformat(), "end": stretch.end.isoformat()}
    return _carry_out(session, feeds, {"command": "backfill", "feed": feed} | span, as_json, stretch=stretch)


def _carry_out(session: Session, feeds: list[Feed], request: dict[str, Any], as_json: bool, **how: Any) -> Exit:
    def here() -> CrawlResult:
        from scheduler.crawl import crawl  # noqa: PLC0415 - Scrapy takes half a second that no other command should

        return crawl(session.settings, feeds, session.now, on_change=on_change, **how)

    began = time.monotonic()
    with screen.progress(len(feeds), quiet=session.verbosity == -1) as on_change:
        result = _here_or_there(
            here,
            lambda: CrawlResult.from_whole(_hand_over(session, request, on_change)),
        )
    if as_json:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))
    else:
        screen.summarise(result, time.monotonic() - began)
    return result.exit_status()


@click.command()
@click.option("--parked", is_flag=True, help="Release also what was given up.")
@_json
@click.pass_obj
def retry(session: Session, parked: bool, as_json: bool) -> None:
    """Release what waits, for the next crawl, or the daemon, to try again.

    Example: finarchive retry --parked && finarchive crawl
    """

    def here() -> int:
        settings = session.settings
        raw = settings.archive.raw == "warc"
        with Archive(settings.archive.root, "retry", session.now(), raw=raw) as archive:
            recover(archive, settings, session.now())
            return archive.store.release(session.now(), parked=parked)

    def there() -> int:
        return int(_hand_over(session, {"command": "retry", "parked": parked}, lambda tally: None)["released"])

    released = _here_or_there(here, there)
    told = f"Released {released}: they are tried next." if released else "Nothing waits for a later time."
    click.echo(json.dumps({"released": released}) if as_json else told)


@click.command()
@click.option("--log-json", is_flag=True, help="Log one JSON object a line.")
@click.pass_obj
def run(session: Session, log_json: bool) -> Exit:
    """Run the daemon: poll every feed when it is due, archive what is new, close gaps, until SIGTERM.

    SIGHUP reads the configuration again. The other commands work beside it.

    Example: finarchive run
    """
    from scheduler.daemon import Surroundings, run_daemon  # noqa: PLC0415 - Scrapy again
    from scheduler.health import HealthError  # noqa: PLC0415

    logs.set_up(1 if session.verbosity is None else session.verbosity, json=log_json)
    try:
        return run_daemon(session.settings, session.reload, Surroundings.of_the_system())
    except HealthError as error:
        raise Refusal(str(error)) from error


def _here_or_there(here: Callable[[], T], there: Callable[[], T]) -> T:
    """Have the daemon that holds the archive do it; where there is none, do it in this process."""
    try:
        return there()
    except NoDaemonError:
        return here()


def _hand_over(session: Session, request: dict[str, Any], on_tally: Callable[[Tally], None]) -> dict[str, Any]:
    inner = session.settings.archive.root.absolute() / INNER
    try:
        return hand_over(inner, request, lambda document: on_tally(Tally.from_json(document)))
    except KeyboardInterrupt:
        click.echo("Interrupted: the daemon goes on with what was found.", err=True)
        raise


def aware_time(text: str) -> datetime:
    """A moment as given on the command line: ISO 8601, with its zone."""
    try:
        time = datetime.fromisoformat(text)
        # Others have no time in every zone; and the sign of a zone, behind a day, is taken for a T.
        if time.year not in range(1970, 9999) or text[10:11] in ("+", "-"):
            raise ValueError
    except ValueError:
        raise Refusal(f"{text!r} is no time such as 2026-09-30T09:30+08:00") from None
    if time.tzinfo is None:
        moment = text if len(text) > len("2026-09-30") else f"{text}T00:00"
        raise Refusal(f"{text!r} needs its zone, such as {moment}+08:00")
    return time


def _time(text: str, *, is_end: bool = False) -> datetime:
    """A time as given on the command line; a day begins, or with ``is_end`` ends, in China."""
    try:
        time = datetime.fromisoformat(text)
        if time.year not in _YEARS:
            raise Refusal(f"{text!r} is not a time that a list could have articles of")
    except ValueError:
        raise Refusal(
            f"{text!r} is neither a day such as 2026-09-30 nor a time such as 2026-09-30T09:30+08:00"
        ) from None
    if len(text) == len("2026-09-30"):
        return time.replace(tzinfo=CHINA) + (timedelta(days=1) if is_end else timedelta(0))
    return aware_time(text)
