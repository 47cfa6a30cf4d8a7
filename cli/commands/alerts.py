"""``finarchive alerts``."""

from __future__ import annotations

import asyncio
import json

import click

from archive.files.layout import index_path
from archive.store import Store
from cli.context import CommandContext, CommandError
from cli.output.search import show_alerts
from config.environment import address_variable
from config.model import Alert
from scheduler.alerts import sender
from scheduler.alerts.message import Message
from scheduler.exits import Exit
from scheduler.monitoring.reports import AlertReport, iso, report_alerts


@click.command("alerts")
@click.option("--test", "tested", metavar="NAME", help="Send a message to all addresses of this alert now.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.pass_obj
def alerts_command(context: CommandContext, *, tested: str | None, as_json: bool) -> Exit:
    """Show which alerts are configured, and how far they are told. The daemon, or a crawl, sends them.

    Example: finarchive alerts --test maotai
    """
    alerts = context.settings.alerts
    if tested is not None:
        chosen = [alert for alert in alerts if alert.name == tested]
        if not chosen:
            known = ", ".join(alert.name for alert in alerts) or "none"
            raise CommandError(f"no alert is called {tested}; those configured are: {known}")
        if not chosen[0].urls:
            raise CommandError(f"the alert {tested} has no addresses here: set urls, or {address_variable(tested)}")
        return _test(chosen[0], as_json)
    store = Store.open_for_reading(index_path(context.settings.archive.root))
    shown = report_alerts(alerts, store, context.now())
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
        return list(await asyncio.gather(*(sender.send(url, text) for url in urls)))

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
