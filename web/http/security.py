"""ASGI middleware that checks every request and adds security headers to every response.

Any page on the web can make a browser on this machine send requests to this server, and can read the responses if its
own host name resolves to 127.0.0.1 (DNS rebinding). Pages also show text from other sites. So requests are checked
before anything else, and every response has the headers below, whatever code created it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from web.rendering.language import COOKIE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOCAL_NAMES = ("localhost", r"127\.0\.0\.1")
_SAME_ORIGIN = (
    "default-src 'none'; img-src 'self'; style-src 'self'{more}; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# No script runs, not even Datasette's own, and nothing is loaded from other sites (D84).
POLICY = _SAME_ORIGIN.format(more="")
# Datasette's pages contain a <style> element for narrow screens.
POLICY_OF_DATA = _SAME_ORIGIN.format(more=" 'unsafe-inline'")
# For content shown as it was received: it runs nothing and has an opaque origin.
POLICY_OF_RAW = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
# Datasette's pages about itself show details of this machine: paths, threads, versions.
_DIAGNOSTIC_PAGES = re.compile(r"/-/(?!static/)|/(_internal|_memory|:memory:)")


def with_security(application: Application, names: Iterable[str] = ()) -> Application:
    """Wrap an application: refuse requests that are not allowed, and add security headers to responses.

    :param names: allowed host names beside localhost and 127.0.0.1
    """
    hosts = "|".join((*_LOCAL_NAMES, *map(re.escape, names)))
    allowed_hosts = re.compile(rf"(?:{hosts})(?::[0-9]{{1,5}})?", re.IGNORECASE)

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await application(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = _with_headers(message, scope["path"])
            await send(message)

        if refused := _refusal(scope, allowed_hosts):
            await _respond(send_with_headers, *refused)
        else:
            await application(scope, receive, send_with_headers)

    return asgi


def _refusal(scope: Scope, allowed_hosts: re.Pattern[str]) -> tuple[int, str] | None:
    """Return the status and the message with which to refuse a request; None if it is allowed."""
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) != 1 or not allowed_hosts.fullmatch(hosts[0]):
        return 403, "use the host 127.0.0.1 or localhost, or add the name to serve.names in the configuration"
    if scope["method"] not in ("GET", "HEAD"):
        return 405, "use GET or HEAD: the site is read-only"
    values = dict(headers)
    # Another site may link to a page here. It may not load anything from here in the background (D85).
    is_foreign = values.get("sec-fetch-site", "none") in ("cross-site", "same-site")
    if is_foreign and (values.get("sec-fetch-mode") != "navigate" or values.get("sec-fetch-dest") != "document"):
        return 403, "another site may link to this one, but not load anything from it"
    if is_foreign and _runs_sql(scope):
        return 403, "another site may not run SQL here: copy the address into the browser, if you trust it"
    if _DIAGNOSTIC_PAGES.match(scope["path"]):
        return 404, "there is no such page"
    return None


def _runs_sql(scope: Scope) -> bool:
    """Return whether a request contains SQL of its own. These are Datasette's parameters for it."""
    names = {name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)}
    return not names.isdisjoint(("sql", "_where"))


def _with_headers(message: Message, path: str) -> Message:
    # The site needs no cookies but that of the language: it does not distinguish users.
    headers = [
        (name.lower(), value)
        for name, value in message.get("headers", ())
        if name.lower() != b"set-cookie" or value.startswith(f"{COOKIE}=".encode())
    ]
    added = dict(_HEADERS)
    if path == "/index" or path.startswith(("/index/", "/index.")):
        added["content-security-policy"] = POLICY_OF_DATA
    present = {name for name, _ in headers}
    headers += [(name.encode(), value.encode()) for name, value in added.items() if name.encode() not in present]
    return {**message, "headers": headers}


async def _respond(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")] + [(b"allow", b"GET, HEAD")] * (status == 405)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
