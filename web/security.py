"""What every request must be like, and what every answer says to the browser. Around the whole application.

A page anywhere on the web can make a browser on this machine ask us for things, and, by having its own name resolve
to 127.0.0.1, even read what it gets. And what we show is other people's text. So requests are looked at before
anything else is, and the policies below stand on every answer, whatever made it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_OURS = ("localhost", r"127\.0\.0\.1")
_ONLY_OURS = (
    "default-src 'none'; img-src 'self'; style-src 'self'{more}; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# No script runs, not even Datasette's own, and nothing is loaded from elsewhere. See D84.
POLICY = _ONLY_OURS.format(more="")
# Datasette's pages have a <style> for narrow screens in them.
POLICY_OF_DATA = _ONLY_OURS.format(more=" 'unsafe-inline'")
# Of what is shown as it was received: it runs nothing, and is nobody's origin.
POLICY_OF_RAW = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_EVERYWHERE = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
# Datasette's pages about itself tell of this machine (paths, threads, versions), and not of the archive.
_OF_THE_MACHINE = re.compile(r"/-/(?!static/)|/(_internal|_memory|:memory:)")


def guarded(application: Application, names: Iterable[str] = ()) -> Application:
    """The application, for requests that are ours only.

    :param names: that a request may call us by, beside localhost and 127.0.0.1
    """
    called = re.compile(rf"(?:{'|'.join((*_OURS, *map(re.escape, names)))})(?::[0-9]{{1,5}})?", re.IGNORECASE)

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await application(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            await send(
                _with_policies(message, scope["path"]) if message["type"] == "http.response.start" else message
            )

        if refused := _refusal(scope, called):
            await _answer(send_guarded, *refused)
        else:
            await application(scope, receive, send_guarded)

    return asgi


def _refusal(scope: Scope, called: re.Pattern[str]) -> tuple[int, str] | None:
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) != 1 or not called.fullmatch(hosts[0]):
        return 403, "ask for 127.0.0.1 or localhost, or set serve.names in the configuration"
    if scope["method"] not in ("GET", "HEAD"):
        return 405, "GET or HEAD: nothing here can be changed"
    told = dict(headers)
    # A link on another site may lead here; what it loads behind its reader's back may not. See D85.
    if told.get("sec-fetch-site", "none") in ("cross-site", "same-site") and (
        told.get("sec-fetch-mode") != "navigate" or told.get("sec-fetch-dest") != "document"
    ):
        return 403, "another site may link to this one, and load nothing from it"
    if _OF_THE_MACHINE.match(scope["path"]):
        return 404, "there is no such page"
    return None


def _with_policies(message: Message, path: str) -> Message:
    # There is nobody to be told apart, and so no cookie.
    headers = [(name.lower(), value) for name, value in message.get("headers", ()) if name.lower() != b"set-cookie"]
    policies = dict(_EVERYWHERE)
    if path == "/index" or path.startswith(("/index/", "/index.")):
        policies["content-security-policy"] = POLICY_OF_DATA
    have = {name for name, _ in headers}
    headers += [(name.encode(), value.encode()) for name, value in policies.items() if name.encode() not in have]
    return {**message, "headers": headers}


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")] + [(b"allow", b"GET, HEAD")] * (status == 405)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
