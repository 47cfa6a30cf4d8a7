"""What came as the answer to a request for a picture: an image, or why it is none. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from archive.model.feed import Failure, FailureKind
from archive.model.fetch import RawResponse
from crawler.errors import ExtractionError, TooLargeError
from crawler.extract.response import header, page_of
from crawler.http.status import of_status, one_line

# By the first bytes, for the Content-Type is often wrong. Not SVG: it can carry a script.
_OPENINGS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBPVP8", re.DOTALL), "image/webp"),
    # A box of the type "ftyp", with AVIF among the brands that it names.
    (re.compile(rb"\0\0\0.ftyp(?:.{4}){0,16}?(?:avif|avis)", re.DOTALL), "image/avif"),
    # "BM" alone could be a text: with four reserved bytes of 0, and the size of a header that there is.
    (re.compile(rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}", re.DOTALL), "image/bmp"),
)


def _little_endian(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


# How the bytes of each tell that they are whole; of AVIF they do not.
_IS_WHOLE: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": lambda data: b"\xff\xd9" in data[-1024:],  # cameras and editors write something behind the end
    "image/png": lambda data: b"IEND\xaeB`\x82" in data[-1024:],
    "image/gif": lambda data: data.rstrip(b"\0")[-1:] == b";",
    "image/webp": lambda data: len(data) >= _little_endian(data, 4) + 8,
    "image/bmp": lambda data: len(data) >= _little_endian(data, 2),
}


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as received."""

    media_type: str  # "image/png"
    data: bytes


def read_image(url: str, answer: RawResponse, at: datetime, most: int) -> Image | Failure:
    """The image that an answer holds.

    :param url: that the article names
    :param at: when it came
    :param most: bytes that it may have
    """
    if failure := of_status(answer.status, url, header(answer, "location")):
        return failure
    try:
        data = page_of(answer, at, most).body
    except TooLargeError as error:
        return Failure(url, FailureKind.REFUSED, one_line(str(error)))
    except ExtractionError as error:
        return Failure(url, FailureKind.UNREADABLE, one_line(str(error)))
    media_type = media_type_of(data)
    if media_type is None:
        stated = one_line(header(answer, "content-type"))[:80]
        return Failure(url, FailureKind.UNREADABLE, f"no image that is kept (stated: {stated or 'nothing'})")
    if not answer.stated_length and not _IS_WHOLE.get(media_type, bool)(data):
        return Failure(url, FailureKind.TEMPORARY, "the picture ends in the middle")
    return Image(media_type, data)


def media_type_of(data: bytes) -> str | None:
    """What sort of image bytes are, of those that are kept; None when of none."""
    return next((media_type for opening, media_type in _OPENINGS if opening.match(data)), None)
