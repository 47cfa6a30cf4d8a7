"""From a response to an image, or to the reason why there is none. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from archive.model.feed import Failure, FailureKind
from archive.model.fetch import RawResponse
from crawler.errors import CodingError, TooLargeError
from crawler.extract.response import header, page_of
from crawler.http.status import of_status, one_line

# Recognized by the first bytes, because the Content-Type is often wrong. Not SVG: it can contain a script.
_SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBPVP8", re.DOTALL), "image/webp"),
    # A box of type "ftyp" with AVIF among its brands.
    (re.compile(rb"\0\0\0.ftyp(?:.{4}){0,16}?(?:avif|avis)", re.DOTALL), "image/avif"),
    # "BM" alone could be text, so also check four reserved zero bytes and a valid header size.
    (re.compile(rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}", re.DOTALL), "image/bmp"),
)


def _little_endian(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


# How to detect a complete file by its bytes; for AVIF there is no way.
_IS_COMPLETE: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": lambda data: b"\xff\xd9" in data[-1024:],  # cameras and editors append data
    "image/png": lambda data: b"IEND\xaeB`\x82" in data[-1024:],
    "image/gif": lambda data: data.rstrip(b"\0")[-1:] == b";",
    "image/webp": lambda data: len(data) >= _little_endian(data, 4) + 8,
    "image/bmp": lambda data: len(data) >= _little_endian(data, 2),
}


class Image(Struct, frozen=True):
    """An image as received."""

    media_type: str  # "image/png"
    data: bytes


def read_image(url: str, response: RawResponse, at: datetime, max_bytes: int) -> Image | Failure:
    """Return the image in a response, or why there is none.

    :param url: as in the article
    :param at: when the response came
    :param max_bytes: maximum size of the image
    """
    if failure := of_status(response.status, url, header(response, "location")):
        return failure
    try:
        data = page_of(response, at, max_bytes).body
    except TooLargeError as error:
        return Failure(url, FailureKind.REFUSED, one_line(str(error)))
    except CodingError as error:
        return Failure(url, FailureKind.UNREADABLE, one_line(str(error)))
    media_type = media_type_of(data)
    if media_type is None:
        declared = one_line(header(response, "content-type"))[:80] or "nothing"
        return Failure(url, FailureKind.UNREADABLE, f"no image of a supported type (Content-Type: {declared})")
    if not response.stated_length and not _IS_COMPLETE.get(media_type, bool)(data):
        return Failure(url, FailureKind.TEMPORARY, "the image ends in the middle")
    return Image(media_type, data)


def media_type_of(data: bytes) -> str | None:
    """Return the media type of an image; None if it is not of a supported type."""
    return next((media_type for signature, media_type in _SIGNATURES if signature.match(data)), None)
