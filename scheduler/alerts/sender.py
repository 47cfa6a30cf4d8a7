"""Has messages sent by another process: one that hangs can be ended, and holds up nothing here. See D107."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress

from scheduler.alerts.message import Message

# Seconds. Apprise waits four for a connection and four for each piece of an answer; a phone's network takes ten.
TIMEOUT = 30.0
# Not from the folder that we happen to be in (-P): it may have modules of our names.
COMMAND = (sys.executable, "-P", "-m", "scheduler.alerts.apprise_process")


async def send(url: str, message: Message) -> str | None:
    """Send a message.

    :param url: where to, in apprise's notation; secret
    :return: why it was not taken, without anything secret; None when it was
    """
    return await _ask(url, message.title, message.body)


async def check(url: str) -> str | None:
    """What is wrong with an address, as far as can be said without sending to it; None when nothing."""
    return await _ask(url, "", "")


async def _ask(url: str, title: str, body: str) -> str | None:
    request = json.dumps({"url": url, "title": title, "body": body}).encode()
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        # In a session of its own: Ctrl-C is ours to deal with.
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdin=pipe, stdout=pipe, stderr=nowhere, start_new_session=True
        )
    except OSError as error:
        return f"no process could be started for it: {error.strerror}"
    try:
        out, _ = await asyncio.wait_for(process.communicate(request), TIMEOUT)
    except TimeoutError:
        return f"nothing came of it within {TIMEOUT:.0f} s"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        failure = json.loads(out)["failure"]
    except (ValueError, KeyError):
        return f"the process for it ended with status {process.returncode}"
    return None if failure is None else str(failure)
