"""Sends messages in a child process: one that hangs is killed, and does not block the daemon. See D107."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress

from scheduler.alerts.message import Message

# Apprise waits four seconds for a connection and four for each part of a response; a mobile network takes ten.
SEND_TIMEOUT_SECONDS = 30.0
# -P: do not import modules from the current folder, which may have the same names as those of this program.
COMMAND = (sys.executable, "-P", "-m", "scheduler.alerts.apprise_process")


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
    request = json.dumps({"url": url, "title": title, "body": body}).encode()
    pipe = asyncio.subprocess.PIPE
    try:
        # A session of its own, so that Ctrl-C goes to this process only.
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        return f"its child process could not be started: {error.strerror}"
    try:
        out, _ = await asyncio.wait_for(process.communicate(request), SEND_TIMEOUT_SECONDS)
    except TimeoutError:
        return f"the message was not sent within {SEND_TIMEOUT_SECONDS:.0f} s"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        failure = json.loads(out)["failure"]
    except (ValueError, KeyError):
        return f"its child process ended with status {process.returncode}"
    return None if failure is None else str(failure)
