"""Sends messages in a child process: one that hangs is killed, and does not block the daemon. See D107."""

from __future__ import annotations

from scheduler.alerts.message import Message
from scheduler.child_process import run_child

# Apprise waits four seconds for a connection and four for each part of a response; a mobile network takes ten.
SEND_TIMEOUT_SECONDS = 30.0
MODULE = "scheduler.alerts.apprise_process"


async def send(url: str, message: Message) -> str | None:
    """Send a message.

    :param url: the address in apprise's notation; secret
    :return: why it failed, without secrets; None if it was sent
    """
    return await _run(url, message.title, message.body)


async def check(url: str) -> str | None:
    """Check an address without sending anything.

    :return: what is wrong with it, without secrets; None if nothing is
    """
    return await _run(url, "", "")


async def _run(url: str, title: str, body: str) -> str | None:
    answer = await run_child(MODULE, {"url": url, "title": title, "body": body}, SEND_TIMEOUT_SECONDS)
    failure = answer["failure"]
    return None if failure is None else str(failure)
