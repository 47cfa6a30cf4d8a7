"""Child process of :mod:`scheduler.anchors.renewal`: anchors one root, or upgrades pending proofs.

The request arrives on stdin, so that no address appears in a list of processes; the result goes to stdout. Only this
process imports the libraries for proofs.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from typing import Any, TypeVar

from archive.files.hashing import sha256_of
from archive.model.errors import ProofError
from archive.proof.anchor_files import COMMAND, GIT, MAX_BYTES, MINISIGN, OPENTIMESTAMPS, RFC3161, list_anchor_files
from archive.proof.receipts import Receipt, write_receipt
from scheduler.anchors.git import push_root
from scheduler.anchors.http import exchange

# Time for all calendars: those that have not answered by then are left out. Two seconds are usual.
CALENDARS_TIMEOUT_SECONDS = 30.0
# Proofs that an upgrade reads: a week's. The chain carries the time of a later one to earlier days.
MAX_UPGRADES = 7
MAX_OUTPUT_BYTES = 64 * 1024  # of a command; a receipt is shorter
_OTS_HEADERS = {"Accept": "application/vnd.opentimestamps.v1", "User-Agent": "finarchive"}

Request = Mapping[str, Any]
_Key = TypeVar("_Key")


def anchor(request: Request) -> bytes:
    """Anchor a root and return the bytes of the anchor's file.

    :param request: ``kind``, ``address``, ``day``, ``root``, ``manifest`` (path), and what single kinds need
        (``place``, ``branch``, ``certificates``, ``work``: an empty folder)
    :raises ProofError: it was not anchored
    """
    manifest = Path(request["manifest"]).read_bytes()
    if sha256_of(manifest) != request["root"]:
        raise ProofError(f"the manifest of {request['day']} is not as recorded: finarchive verify")
    return _KINDS[request["kind"]](request, manifest)


def upgrade(request: Request) -> dict[str, bytes]:
    """Ask the calendars of pending proofs whether their blocks exist by now.

    :param request: ``folder`` of the manifests, ``anchor`` (name), ``address`` of the configured calendar
    :return: by file name, the bytes of the proofs that have more than before
    """
    from archive.proof import open_timestamps  # noqa: PLC0415 - only this kind of anchor needs it

    files = [file for file in list_anchor_files(Path(request["folder"])) if file.anchor == request["anchor"]]
    proofs: dict[str, bytes] = {}
    tasks: dict[tuple[str, bytes], Callable[[], bytes]] = {}
    for file in files[-MAX_UPGRADES:]:
        with suppress(ProofError, OSError):  # verify reports it
            data = file.path.read_bytes()[:MAX_BYTES]
            proof = open_timestamps.read_proof(data)
            if proof.blocks:
                continue
            proofs[file.path.name] = data
            for calendar, message in proof.pending:
                if open_timestamps.may_ask(calendar, request["address"]):
                    url = f"{calendar.rstrip('/')}/timestamp/{message.hex()}"
                    tasks[file.path.name, message] = partial(exchange, url, None, _OTS_HEADERS)
    upgraded: dict[str, bytes] = {}
    for (name, message), answer in collect_answers(tasks).items():
        with suppress(ProofError):  # not in a block yet: the calendar answers 404
            if isinstance(answer, bytes):
                upgraded[name] = open_timestamps.upgrade_proof(upgraded.get(name, proofs[name]), {message: answer})
    return {name: data for name, data in upgraded.items() if data != proofs[name]}


def _rfc3161(request: Request, manifest: bytes) -> bytes:
    from archive.proof import rfc3161  # noqa: PLC0415 - only this kind of anchor needs it

    asked = rfc3161.make_request(manifest)
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    response = exchange(request["address"], asked.data, headers)
    rfc3161.read_time(response, request["root"], asked.nonce)
    if request["certificates"]:
        try:
            pem = Path(request["certificates"]).read_bytes()
        except OSError as error:
            raise ProofError(f"proof.certificates cannot be read ({error.strerror})") from None
        rfc3161.verify_token(response, request["root"], rfc3161.read_certificates(pem))
    return response


def _opentimestamps(request: Request, manifest: bytes) -> bytes:
    from archive.proof import open_timestamps  # noqa: PLC0415 - only this kind of anchor needs it

    nonce = os.urandom(16)
    message = open_timestamps.commitment(request["root"], nonce)
    calendars = [request["address"]] if request["address"] else open_timestamps.CALENDARS

    def ask(calendar: str) -> bytes:
        answer = exchange(f"{calendar.rstrip('/')}/digest", message, _OTS_HEADERS)
        open_timestamps.check_answer(answer, message)
        return answer

    answers = collect_answers({calendar: partial(ask, calendar) for calendar in calendars})
    good = [answer for answer in answers.values() if isinstance(answer, bytes)]
    if not good:
        reasons = [answer for answer in answers.values() if isinstance(answer, str)]
        raise ProofError(f"no calendar has answered: {reasons[0] if reasons else 'it takes too long'}")
    return open_timestamps.make_proof(request["root"], nonce, good)


def _git(request: Request, manifest: bytes) -> bytes:
    commit = push_root(request["work"], request["address"], request["branch"], request["day"], request["root"])
    return write_receipt(
        Receipt(request["day"], request["root"], request["place"], _now(), commit=commit, branch=request["branch"])
    )


def _command(request: Request, manifest: bytes) -> bytes:
    """Run a program. It gets the line of sha256sum on stdin, and exit status 0 means that the root is anchored."""
    day, root = request["day"], request["root"]
    # Not FINARCHIVE_: those are settings, and a program that runs finarchive would hand it unknown ones.
    env = os.environ | {"ANCHOR_DAY": day, "ANCHOR_ROOT": root, "ANCHOR_MANIFEST": request["manifest"]}
    try:
        process = subprocess.Popen(  # noqa: S603 - the owner's own program, without a shell
            shlex.split(request["address"]), env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise ProofError(f"the program cannot be run ({error.strerror})") from None
    with process:
        assert process.stdin  # noqa: S101 - for mypy: it is a pipe
        assert process.stdout  # noqa: S101
        with suppress(BrokenPipeError), process.stdin:  # it need not read its input
            process.stdin.write(f"{root}  {day}.tsv\n".encode())
        output = process.stdout.read(MAX_OUTPUT_BYTES + 1)
        if len(output) > MAX_OUTPUT_BYTES:
            process.kill()
            raise ProofError(f"the program prints more than {MAX_OUTPUT_BYTES} bytes")
    if process.returncode:
        raise ProofError(f"the program ended with status {process.returncode}")
    text = output.decode("utf-8", "replace").strip()
    return write_receipt(Receipt(day, root, request["place"], _now(), output=text))


def _minisign(request: Request, manifest: bytes) -> bytes:
    from archive.proof import minisign  # noqa: PLC0415 - only signatures need it

    try:
        key = minisign.read_secret_key(Path(request["address"]).read_bytes())
    except OSError as error:
        raise ProofError(f"proof.key cannot be read ({error.strerror})") from None
    now = int(datetime.now(UTC).timestamp())
    return minisign.sign(manifest, key, f"timestamp:{now}\tfile:{request['day']}.tsv\thashed")


_KINDS: dict[str, Callable[[Request, bytes], bytes]] = {
    RFC3161: _rfc3161,
    OPENTIMESTAMPS: _opentimestamps,
    GIT: _git,
    COMMAND: _command,
    MINISIGN: _minisign,
}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def collect_answers(tasks: Mapping[_Key, Callable[[], bytes]]) -> dict[_Key, bytes | str]:
    """Run tasks at once; return the answer, or the reason why there is none, of each that ends in time."""
    results: Queue[tuple[_Key, bytes | str]] = Queue()

    def run(key: _Key, task: Callable[[], bytes]) -> None:
        try:
            results.put((key, task()))
        except ProofError as error:
            results.put((key, str(error)))

    for key, task in tasks.items():
        threading.Thread(target=run, args=(key, task), daemon=True).start()
    found: dict[_Key, bytes | str] = {}
    end = time.monotonic() + CALENDARS_TIMEOUT_SECONDS
    with suppress(Empty):
        while len(found) < len(tasks):
            key, result = results.get(timeout=max(end - time.monotonic(), 0))
            found[key] = result
    return found


def main() -> None:
    """Carry out the request on stdin and print the result."""
    request = json.load(sys.stdin)
    result: dict[str, Any] = {"failure": None}
    try:
        if request["action"] == "upgrade":
            found = upgrade(request)
            result["files"] = {name: base64.b64encode(data).decode() for name, data in found.items()}
        else:
            result["data"] = base64.b64encode(anchor(request)).decode()
    except ProofError as error:
        result["failure"] = str(error)
    except OSError as error:
        result["failure"] = f"the manifest cannot be read ({error.strerror})"
    json.dump(result, sys.stdout)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
