"""The records of WARC/1.1 files that raw pages are kept in, as bytes, and back. Pure."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser
from warcio.warcwriter import WARCWriter

from archive.model.fetch import JournalPosition, RawResponse

OURS = "urn:finarchive:"  # what a metadata record is of; the kind of the event follows
_REVISIT = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
_LENGTH = "WARC-Finarchive-Length"
_ORIGINAL = "WARC-Finarchive-Original"  # FILE:OFFSET of the group that has the body


@dataclass(frozen=True, slots=True)
class Group:
    """What is written, and read, as one."""

    kind: str
    at: datetime
    document: bytes  # JSON
    response: RawResponse | None = None


@dataclass(frozen=True, slots=True)
class Original:
    """An earlier response with the same body."""

    place: JournalPosition  # of its group
    record: str  # its WARC-Record-ID
    url: str
    date: str  # its WARC-Date


def digest(body: bytes) -> str:
    """What stands for a body in WARC-Payload-Digest."""
    return "sha1:" + base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()


def encoded(group: Group, original: Original | None) -> bytes:
    """A group as it goes into the file.

    :param original: an earlier response with the same body
    """
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=True, warc_version="WARC/1.1")
    date = _date(group.at)
    raw = group.response
    if raw is None:
        name = f"{OURS}{group.kind}"
        _add(writer, name, "metadata", group.document, {"WARC-Date": date}, of="application/json")
        return buffer.getvalue()
    asked = {"WARC-Date": date}
    request = _add(writer, raw.url, "request", _request(raw), asked, of="application/http; msgtype=request")
    about = {"WARC-Date": date, "WARC-Payload-Digest": digest(raw.body), "WARC-Concurrent-To": request}
    head = _response_head(raw)
    if original:
        about |= {
            "WARC-Profile": _REVISIT,
            "WARC-Refers-To": original.record,
            "WARC-Refers-To-Target-URI": original.url,
            "WARC-Refers-To-Date": original.date,
            _ORIGINAL: f"{original.place.file}:{original.place.offset}",
        }
    if not raw.stated_length:
        about[_LENGTH] = "not stated"
    kind, block = ("revisit", head) if original else ("response", head + raw.body)
    response = _add(writer, raw.url, kind, block, about, of="application/http; msgtype=response")
    about = {"WARC-Date": date, "WARC-Concurrent-To": response}
    # Not under the page's address: replay tools index it, and would show it in the page's place.
    _add(writer, f"{OURS}{group.kind}", "metadata", group.document, about, of="application/json")
    return buffer.getvalue()


def _add(writer: WARCWriter, url: str, kind: str, block: bytes, headers: dict[str, str], *, of: str) -> str:
    http = _http(block) if kind == "revisit" else None  # warcio writes none of a revisit's block but these
    record = writer.create_warc_record(
        url,
        kind,
        payload=io.BytesIO(b"" if http else block),
        length=0 if http else len(block),
        warc_content_type=of,
        warc_headers_dict=headers,
        http_headers=http,
    )
    writer.write_record(record)
    return str(record.rec_headers.get_header("WARC-Record-ID"))


def _http(block: bytes) -> StatusAndHeaders:
    return StatusAndHeadersParser(["HTTP/1.0", "HTTP/1.1"]).parse(io.BytesIO(block))


def information(name: str, software: str, at: datetime) -> bytes:
    """The record that a file begins with.

    :param name: of the file
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
    known = {status.value: status.phrase for status in HTTPStatus}
    return _lines(f"HTTP/1.1 {raw.status} {known.get(raw.status, 'Unknown')}", raw.headers)


def _lines(first: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [first, *(f"{name}: {' '.join(value.split())}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _date(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def answer_of(request: bytes, headers: Mapping[str, str], block: bytes) -> tuple[RawResponse, JournalPosition | None]:
    """The response that a request's block and a response's record hold.

    :param headers: of the response's record
    :param block: the response's, and what may follow it
    :return: with it, of a ``revisit``, where the body is
    """
    http, _, body = block[: int(headers["content-length"])].partition(b"\r\n\r\n")
    file, _, offset = headers.get(_ORIGINAL.lower(), "").rpartition(":")
    status, *lines = http.decode("latin-1").split("\r\n")
    asked = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[2:]  # not its first line and Host
    raw = RawResponse(
        url=headers["warc-target-uri"],
        status=int(status.split(" ", 2)[1]),
        headers=_pairs(lines),
        body=body,
        request_headers=_pairs(asked),
        stated_length=_LENGTH.lower() not in headers,
    )
    return raw, JournalPosition(file, int(offset)) if file else None


def _pairs(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    parted = (line.partition(":") for line in lines if line)
    return tuple((name, value.strip()) for name, _, value in parted)


def headers_of(head: bytes) -> dict[str, str]:
    """The headers of a record, by their names in small letters."""
    return {name.lower(): value for name, value in _pairs(head.decode("utf-8", "replace").split("\r\n")[1:])}
