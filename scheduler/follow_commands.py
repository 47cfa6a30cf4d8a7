"""The commands about what is new: following it, and being told of it."""

from __future__ import annotations

import asyncio
import json
import select
import signal
from collections.abc import Iterable

import click

from archive.archive import index_path
from archive.follower import Follower
from archive.found import News
from archive.query import All, parse
from archive.store import Store
from config.environment import address_variable
from config.model import Alert
from scheduler import courier
from scheduler.alerting import Message
from scheduler.cli import Refusal, Session
from scheduler.exits import Exit
from scheduler.find_commands import asked
from scheduler.find_screen import show_alerts, show_news
from scheduler.reports import AlertReport, iso, report_alerts

# Seconds between two looks. Nobody sees that news is half a second late, and a look at an index in which nothing has
# changed costs some 40 microseconds.
LOOK = 0.5
_STDOUT = 1


@click.command("tail")
@click.argument("query", nargs=-1)
@click.option(
    "-n", "--last", type=click.IntRange(0, 1_000_000), default=10, metavar="N", help="Show the last N articles first."
)
@click.option("--revisions", is_flag=True, help="Show new versions of articles too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line, and nothing else, on stdout.")
@click.pass_obj
def tail(session: Session, query: tuple[str, ...], *, last: int, revisions: bool, as_json: bool) -> None:
    """Show new articles as they are archived, until Ctrl-C.

    QUERY is as in finarchive search; without one all are shown.

    Example: finarchive tail '茅台 OR symbol:sh600519'
    """
    with asked(" ".join(query)):
        wanted = parse(" ".join(query)) if query else All(())
    path = index_path(session.settings.archive.root)
    follower, show = Follower(path, wanted, every=revisions), _print if as_json else show_news
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    show(follower.begin(last))
    if follower.waits and session.verbosity != -1:
        click.echo(f"No index that can be followed is at {path.absolute()} yet: waiting for crawl or run.", err=True)
    while True:
        _wait()
        show(follower.look())


def _print(news: Iterable[News]) -> None:
    for each in news:
        told = {
            "docid": each.docid, "revision": each.revision, "title": each.title, "url": each.url, "path": each.path,
            "published": iso(each.published), "observed": iso(each.observed, exact=True), "media": each.media,
            "feeds": each.feeds, "symbols": each.symbols, "snippet": each.snippet,
        }  # fmt: skip
        click.echo(json.dumps(told, ensure_ascii=False))


def _wait() -> None:
    """Wait until the next look.

    :raises BrokenPipeError: nobody reads any more; writing would only say so with the next article
    """
    reader = select.poll()
    reader.register(_STDOUT, 0)
    if reader.poll(LOOK * 1000):
        raise BrokenPipeError


@click.command("alerts")
@click.option("--test", "tested", metavar="NAME", help="Send a message to all addresses of this alert now.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.pass_obj
def alerts_command(session: Session, *, tested: str | None, as_json: bool) -> Exit:
    """Show which alerts are configured, and how far they are told. The daemon, or a crawl, sends them.

    Example: finarchive alerts --test maotai
    """
    alerts = session.settings.alerts
    if tested is not None:
        chosen = [alert for alert in alerts if alert.name == tested]
        if not chosen:
            known = ", ".join(alert.name for alert in alerts) or "none"
            raise Refusal(f"no alert is called {tested}; those configured are: {known}")
        if not chosen[0].urls:
            raise Refusal(f"the alert {tested} has no addresses here: set urls, or {address_variable(tested)}")
        return _test(chosen[0], as_json)
    store = Store.open_for_reading(index_path(session.settings.archive.root))
    shown = report_alerts(alerts, store, session.now())
    if as_json:
        click.echo(json.dumps([_standing(each) for each in shown], ensure_ascii=False))
    else:
        show_alerts(shown)
    return Exit.DONE


def _test(alert: Alert, as_json: bool) -> Exit:
    text = Message(
        f"{alert.name}: a test", f"What fits {alert.query} comes here, in at most {alert.at_most} messages an hour."
    )
    urls = [url.get_secret_value() for url in alert.urls]

    async def send() -> list[str | None]:
        return list(await asyncio.gather(*(courier.send(url, text) for url in urls)))

    failures = asyncio.run(send())
    if as_json:
        rows = [{"address": number, "failure": failure} for number, failure in enumerate(failures, start=1)]
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for number, failure in enumerate(failures, start=1):
            click.echo(f"{alert.name}, address {number}: {failure or 'sent'}")
    return Exit.SOME_FAILED if any(failures) else Exit.DONE


def _standing(each: AlertReport) -> dict[str, object]:
    told = each.told
    return {
        "name": each.alert.name, "query": each.alert.query, "address": each.address, "service": each.service,
        "waiting": each.waiting, "sent": iso(told.sent) if told and told.sent else None,
        "attempts": told.attempts if told else 0, "failure": told.failure if told else None,
        "due": iso(told.due) if told and told.due else None,
    }  # fmt: skip
