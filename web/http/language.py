"""ASGI middleware that chooses the language of each response."""

from __future__ import annotations

from urllib.parse import parse_qs, quote

from web.http.security import Application, Message, Receive, Scope, Send
from web.rendering import language


def with_language(application: Application) -> Application:
    """Answer each request in the language that its cookie or its browser chooses, and say that it depends on them.

    The language of a feed is part of its address: a feed reader fetches one address for years, now through a browser,
    now from a server, and must get one feed.
    """

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return

        async def send_with_vary(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with_vary(message.get("headers", ()))}
            await send(message)

        if scope["path"].endswith(".atom"):
            with language.use(_named(scope) or language.DEFAULT):
                await application(scope, receive, send)
            return
        with language.use(language.choose(_header(scope, b"cookie"), _header(scope, b"accept-language"))):
            await application(scope, receive, send_with_vary)

    return asgi


def _named(scope: Scope) -> language.Language | None:
    """Return the language of the argument ``lang``."""
    args = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return language.as_language(args.get("lang", [""])[0])


def _header(scope: Scope, wanted: bytes) -> str:
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name.lower() == wanted)


def _with_vary(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return headers of a response that say that it depends on the language, if it is a page or a document."""
    by_name = {bytes(name).lower(): bytes(value) for name, value in headers}
    if not by_name.get(b"content-type", b"").startswith((b"text/html", b"application/")):
        return list(headers)
    vary = [value for value in (by_name.get(b"vary"), b"Accept-Language, Cookie") if value]
    return [*((name, value) for name, value in headers if name.lower() != b"vary"), (b"vary", b", ".join(vary))]


def switch(path: str) -> tuple[str, str, str]:
    """Return the other language's code and name, and the address that shows a page in it.

    :param path: of the page, with its query
    """
    other: language.Language = "en" if language.current() == "zh" else "zh"
    return other, language.LANGUAGES[other], f"/language?to={other}&back={quote(path, safe='')}"
