"""ASGI middleware that validates and compresses responses: ETag and 304, gzip, and a long life for style sheets."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Container

from msgspec import Struct, field

from web.http.security import Application, Message, Receive, Scope, Send

# A response of up to this many bytes is held until it is whole. Longer ones, such as the CSV of a table, are sent as
# they come. Compressing this much takes 20 ms; a page has a twentieth of it.
MAX_HELD_BYTES = 1_048_576
MIN_COMPRESSED_BYTES = 500  # shorter ones fit into one packet as they are
# zlib's level 4 takes half the time of its default, for 4 % more bytes.
_LEVEL = 4
_COMPRESSIBLE = re.compile(rb"text/|application/(?:json|atom\+xml|xml)|image/svg")
_QUALITY = re.compile(r"q=([0-9.]+)")
_IMMUTABLE = (b"cache-control", b"public, max-age=31536000, immutable")


def with_validators(application: Application, immutable: Container[str]) -> Application:
    """Add an ETag to each whole response, answer 304 to who has it already, and compress what is text.

    :param immutable: addresses of files whose query string is their digest
    """

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await application(scope, receive, send)
            return
        held = _HeldResponse(scope)
        address = f"{scope['path']}?{scope.get('query_string', b'').decode('latin-1')}"

        async def hold(message: Message) -> None:
            if message["type"] == "http.response.start" and address in immutable and message["status"] == 200:
                message = {**message, "headers": [*message.get("headers", ()), _IMMUTABLE]}
            for each in held.take(message):
                await send(each)

        await application(scope, receive, hold)

    return asgi


class _HeldResponse(Struct):
    """A response that is not sent yet."""

    scope: Scope
    start: Message | None = None  # None: not received, or sent
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0

    def take(self, message: Message) -> list[Message]:
        """Take a message of the application; return those to send now."""
        if message["type"] == "http.response.start" and message["status"] == 200:
            self.start = message
            return []
        if self.start is None or message["type"] != "http.response.body":
            return [message]
        self.chunks.append(bytes(message.get("body", b"")))
        self.size += len(self.chunks[-1])
        if message.get("more_body") and self.size <= MAX_HELD_BYTES:
            return []
        start, self.start = self.start, None
        body = {**message, "body": b"".join(self.chunks)}
        self.chunks.clear()
        return [start, body] if message.get("more_body") or self.size > MAX_HELD_BYTES else self._whole(start, body)

    def _whole(self, start: Message, message: Message) -> list[Message]:
        headers = {bytes(name).lower(): bytes(value) for name, value in start.get("headers", ())}
        body: bytes = message["body"]
        # Weak: it stands for the content, compressed or not.
        headers.setdefault(b"etag", f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'.encode())
        is_text = bool(_COMPRESSIBLE.match(headers.get(b"content-type", b"")))
        if is_text:
            headers[b"vary"] = b"Accept-Encoding"
        if _has_tag(self._request_header(b"if-none-match"), headers[b"etag"].decode("latin-1")):
            for name in (b"content-length", b"content-type"):
                headers.pop(name, None)
            return [{**start, "status": 304, "headers": list(headers.items())}, {**message, "body": b""}]
        if is_text and len(body) >= MIN_COMPRESSED_BYTES and _accepts_gzip(self._request_header(b"accept-encoding")):
            body = gzip.compress(body, _LEVEL, mtime=0)
            headers[b"content-encoding"] = b"gzip"
        headers[b"content-length"] = str(len(body)).encode()
        return [{**start, "headers": list(headers.items())}, {**message, "body": body}]

    def _request_header(self, wanted: bytes) -> str:
        values = [value.decode("latin-1") for name, value in self.scope["headers"] if name.lower() == wanted]
        return ",".join(values)


def _has_tag(if_none_match: str, tag: str) -> bool:
    """Return whether a header If-None-Match names an ETag, strong or weak."""
    opaque = tag.removeprefix("W/")
    return any(each.strip().removeprefix("W/") in (opaque, "*") for each in if_none_match.split(","))


def _accepts_gzip(accept_encoding: str) -> bool:
    """Return whether a client accepts gzip: it names it, or all, and not with a quality of 0."""
    codings = [coding.split(";") for coding in "".join(accept_encoding.lower().split()).split(",")]
    qualities = [
        match[1] if (match := _QUALITY.fullmatch("".join(parameters))) else "1"
        for name, *parameters in codings
        if name in ("gzip", "*")
    ]
    return bool(qualities) and all(quality.strip("0.") for quality in qualities)
