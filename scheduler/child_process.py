"""Runs a module of ours in a child process: one that hangs is killed with all that it started. See D107, D152."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

# For the end of the output of a process that has ended: milliseconds, unless a process that has left its group
# keeps the pipe.
PIPE_TIMEOUT_SECONDS = 1.0


async def run_child(module: str, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Run a module as a process that reads a JSON object from stdin and writes one to stdout.

    The request is not an argument, so that nothing of it appears in a list of processes.

    :param seconds: after which the process and its own children are killed
    :return: what it wrote, an object with the key ``failure``: the reason as text, or None. If the process gave no
        answer, ``failure`` says why.
    """
    try:
        process = await _start(module)
    except OSError as error:
        return {"failure": f"its child process could not be started: {error.strerror}"}
    try:
        out, _ = await asyncio.wait_for(process.communicate(json.dumps(request).encode()), seconds)
    except TimeoutError:
        return {"failure": f"there was no result within {seconds:.0f} s"}
    finally:
        await _end(process)
    try:
        answer = json.loads(out)
        return {"failure": answer["failure"], **answer}
    except (ValueError, KeyError, TypeError):
        return {"failure": f"its child process ended with status {process.returncode}"}


async def _start(module: str) -> Process:
    pipe = asyncio.subprocess.PIPE
    # -P: do not import modules from the current folder, which may have the same names as those of this program.
    # A session of its own, so that Ctrl-C goes to this process only.
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", module,
            stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )
    )  # fmt: skip
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:  # a process that is being started would be left running
        with suppress(OSError):
            await _end(await starting)
        raise


async def _end(process: Process) -> None:
    """Kill what is left of a process and of what it started, and close its pipes before the event loop is closed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    if process.stdin:
        process.stdin.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.communicate(), PIPE_TIMEOUT_SECONDS)
