"""Encode fetches as WARC/1.1 records, and decode them. Pure."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from msgspec import Struct

from archive.journal.record import OURS, WarcRecord
from archive.model.fetch import Fetch, JournalPosition, RawResponse
from archive.model.hidden_imports import hidden_imports

with hidden_imports("fsspec"):  # with which warcio would open files; it takes some megabytes
    from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser
    from warcio.warcwriter import WARCWriter

_REVISIT = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
_LENGTH = "WARC-Finarchive-Length"
_ORIGINAL = "WARC-Finarchive-Original"  # of a revisit: FILE:OFFSET of the group with the body
_POSITION = re.compile(r"([^:/]+):([0-9]{1,18})")
_STATUS_LINE = re.compile(r"HTTP/1\.1 (-?[0-9]{1,9})(?: .*)?", re.DOTALL)


class Group(Struct, frozen=True):
    """One event: the records that are written and read together."""

    kind: str  # the value of an EventKind
    at: datetime  # aware
    document: bytes  # JSON, UTF-8
    response: RawResponse | None = None


class Original(Struct, frozen=True):
    """An earlier response with the same body."""

    position: JournalPosition  # of its group
    record: str  # its WARC-Record-ID
    url: str  # its WARC-Target-URI
    date: str  # its WARC-Date


def digest(body: bytes) -> str:
    """The digest of a body as in WARC-Payload-Digest: "sha1:" and 32 characters of base32."""
    return "sha1:" + base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()


def digest_of(fetch: Fetch) -> str | None:
    """The digest of the body that a fetch got; None: it got none."""
    if fetch.confirmed:
        return fetch.confirmed.digest
    return digest(fetch.response.body) if fetch.response else None


def encode_group(group: Group, original: Original | None) -> bytes:
    """Return a group's records, each compressed by gzip.

    :param original: an earlier response with the same body; the response becomes a ``revisit`` of it
    """
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=True, warc_version="WARC/1.1")
    date = _date(group.at)
    raw = group.response
    if raw is None:
        name = f"{OURS}{group.kind}"
        _add(writer, name, "metadata", group.document, {"WARC-Date": date}, content_type="application/json")
        return buffer.getvalue()
    headers = {"WARC-Date": date}
    request = _add(
        writer, raw.url, "request", _request(raw), headers, content_type="application/http; msgtype=request"
    )
    headers = {"WARC-Date": date, "WARC-Payload-Digest": digest(raw.body), "WARC-Concurrent-To": request}
    head = _response_head(raw)
    if original:
        headers |= {
            "WARC-Profile": _REVISIT,
            "WARC-Refers-To": original.record,
            "WARC-Refers-To-Target-URI": original.url,
            "WARC-Refers-To-Date": original.date,
            _ORIGINAL: f"{original.position.file}:{original.position.offset}",
        }
    if not raw.stated_length:
        headers[_LENGTH] = "not stated"
    kind, block = ("revisit", head) if original else ("response", head + raw.body)
    response = _add(writer, raw.url, kind, block, headers, content_type="application/http; msgtype=response")
    headers = {"WARC-Date": date, "WARC-Concurrent-To": response}
    # Its target is not the page's address: replay tools index that, and would show the document as the page.
    _add(writer, f"{OURS}{group.kind}", "metadata", group.document, headers, content_type="application/json")
    return buffer.getvalue()


def _add(writer: WARCWriter, url: str, kind: str, block: bytes, headers: dict[str, str], *, content_type: str) -> str:
    http = _http(block) if kind == "revisit" else None  # all that warcio writes of a revisit's block
    record = writer.create_warc_record(
        url,
        kind,
        payload=io.BytesIO(b"" if http else block),
        length=0 if http else len(block),
        warc_content_type=content_type,
        warc_headers_dict=headers,
        http_headers=http,
    )
    writer.write_record(record)
    return str(record.rec_headers.get_header("WARC-Record-ID"))


def _http(block: bytes) -> StatusAndHeaders:
    return StatusAndHeadersParser(["HTTP/1.0", "HTTP/1.1"]).parse(io.BytesIO(block))


def warcinfo(name: str, software: str, at: datetime) -> bytes:
    """Return the ``warcinfo`` record, the first record of a file.

    :param name: of the file
    :param software: name and version of the writing program
    """
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=True, warc_version="WARC/1.1")
    facts = {
        "software": software,
        "format": "WARC File Format 1.1",
        "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
    }
    record = writer.create_warcinfo_record(name, facts)
    record.rec_headers.replace_header("WARC-Date", _date(at))
    writer.write_record(record)
    return buffer.getvalue()


def _request(raw: RawResponse) -> bytes:
    parts = urlsplit(raw.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [("Host", parts.netloc.rpartition("@")[2]), *raw.request_headers]
    return _lines(f"GET {target} HTTP/1.1", headers)


def _response_head(raw: RawResponse) -> bytes:
    phrases = {status.value: status.phrase for status in HTTPStatus}
    return _lines(f"HTTP/1.1 {raw.status} {phrases.get(raw.status, 'Unknown')}", raw.headers)


def _lines(first: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [first, *(f"{name}: {' '.join(value.split())}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _date(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def response_of(request: WarcRecord, record: WarcRecord) -> tuple[RawResponse, JournalPosition | None]:
    """Decode a response from its own record and that of its request.

    :return: the response, and for a ``revisit``, which has no body, the position of the group that has it
    :raises ValueError: it is no response; the message says why
    """
    http, separator, body = record.block.partition(b"\r\n\r\n")
    status, *lines = http.decode("latin-1").split("\r\n")
    match = _STATUS_LINE.fullmatch(status)
    if not separator or not match:
        raise ValueError(f"the response has the status line {status[:40]!r}")
    # Without the request line and Host, which the writer adds.
    request_lines = request.block.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[2:]
    raw = RawResponse(
        url=record.target,
        status=int(match[1]),
        headers=_pairs(lines),
        body=body,
        request_headers=_pairs(request_lines),
        stated_length=_LENGTH.lower() not in record.headers,
    )
    return raw, original_position(record)


def original_position(record: WarcRecord) -> JournalPosition | None:
    """Return where the body of a ``revisit`` is; None for another record.

    :raises ValueError: the record does not say where, or says it and is no ``revisit``
    """
    stated = record.headers.get(_ORIGINAL.lower(), "")
    match = _POSITION.fullmatch(stated)
    if bool(match) != (record.kind == "revisit"):
        raise ValueError(f"the {record.kind} has its body at {stated[:80]!r}")
    return JournalPosition(match[1], int(match[2])) if match else None


def _pairs(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    parted = (line.partition(":") for line in lines if line)
    return tuple((name, value.strip()) for name, _, value in parted)
