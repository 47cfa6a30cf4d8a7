"""``finarchive alerts``."""

from __future__ import annotations

import asyncio

import click

from cli.context import CommandContext, CommandError
from cli.options import json_option, open_one_store, print_json
from cli.output.search import show_alerts
from config.environment import address_variable
from config.model import Alert
from scheduler.alerts import sender
from scheduler.alerts.message import Message
from scheduler.exits import Exit
from scheduler.monitoring.reports import AlertReport, iso, report_alerts


@click.command("alerts")
@click.option("--test", "test_name", metavar="NAME", help="Send a test message to all addresses of this alert now.")
@json_option
@click.pass_obj
def alerts_command(context: CommandContext, *, test_name: str | None, as_json: bool) -> Exit:
    """Show the configured alerts, and what each address has still to receive.

    The daemon and each crawl send the messages.

    Example: finarchive alerts --test maotai
    """
    alerts = context.settings.alerts
    if test_name is not None:
        return _send_test(_find(alerts, test_name), as_json=as_json)
    reports = report_alerts(alerts, open_one_store(context), context.now())
    if as_json:
        print_json([_report_json(report) for report in reports])
    else:
        show_alerts(reports)
    return Exit.DONE


def _find(alerts: tuple[Alert, ...], name: str) -> Alert:
    alert = next((alert for alert in alerts if alert.name == name), None)
    if alert is None:
        names = ", ".join(alert.name for alert in alerts) or "none"
        raise CommandError(f"no alert is called {name}; those configured are: {names}")
    if not alert.urls:
        raise CommandError(f"the alert {name} has no addresses here: set urls, or {address_variable(name)}")
    return alert


def _send_test(alert: Alert, *, as_json: bool) -> Exit:
    message = Message(
        f"{alert.name}: a test",
        f"Articles that match {alert.query} are announced here, in at most {alert.at_most} messages an hour.",
    )

    async def send_all() -> list[str | None]:
        return list(await asyncio.gather(*(sender.send(url.get_secret_value(), message) for url in alert.urls)))

    failures = asyncio.run(send_all())
    if as_json:
        print_json([{"address": number, "failure": failure} for number, failure in enumerate(failures, start=1)])
    else:
        for number, failure in enumerate(failures, start=1):
            click.echo(f"{alert.name}, address {number}: {failure or 'sent'}")
    return Exit.SOME_FAILED if any(failures) else Exit.DONE


def _report_json(report: AlertReport) -> dict[str, object]:
    progress = report.progress
    return {
        "name": report.alert.name,
        "query": report.alert.query,
        "address": report.address,
        "service": report.service,
        "waiting": report.waiting,
        "sent": iso(progress.sent) if progress and progress.sent else None,
        "attempts": progress.attempts if progress else 0,
        "failure": progress.failure if progress else None,
        "due": iso(progress.due) if progress and progress.due else None,
    }
