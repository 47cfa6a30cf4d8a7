"""Detection of images by their bytes; anything else is a failure with a reason."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from archive.model.feed import Failure, FailureKind
from archive.model.fetch import RawResponse
from archive.model.image import IMAGE_EXTENSIONS
from crawler.extract.image import Image, media_type_of, read_image
from mocksite.images import png

AT, URL, MAX_BYTES = datetime(2026, 9, 29, tzinfo=UTC), "https://n.sinaimg.cn/x.jpg", 100_000
PNG = png("x")
# The smallest openings that a browser takes for each.
IMAGES = {
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"x" * 40 + b"\xff\xd9",
    "image/png": PNG,
    "image/gif": b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\0;",
    "image/webp": b"RIFF" + (24).to_bytes(4, "little") + b"WEBPVP8 " + b"x" * 16,
    "image/avif": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + b"x" * 20,
    "image/bmp": b"BM" + (58).to_bytes(4, "little") + b"\0" * 4 + b"\x36\0\0\0\x28\0\0\0" + b"x" * 40,
}
NONE = [
    b"",
    b"<!DOCTYPE html><html><body>x</body></html>",
    b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    b'<?xml version="1.0"?><svg/>',
    b"BM is how this text begins, and it is no picture at all",
    b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"x" * 20,  # a film
    b"RIFF\x24\0\0\0WAVEfmt ",
    b" " + PNG,
]


def response(body: bytes, status: int = 200, stated_length: bool = True, **headers: str) -> RawResponse:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return RawResponse(URL, status, named, body, stated_length=stated_length)


def read(*args: object, **named: object) -> Image | Failure:
    return read_image(URL, response(*args, **named), AT, MAX_BYTES)  # type: ignore[arg-type]


@pytest.mark.parametrize("media_type", IMAGES)
def test_an_image_is_recognized_by_its_first_bytes_whatever_is_stated(media_type: str) -> None:
    assert read(IMAGES[media_type], Content_Type="text/html") == Image(media_type, IMAGES[media_type])
    assert media_type in IMAGE_EXTENSIONS


def test_all_that_are_kept_are_tried_here() -> None:
    assert set(IMAGES) == set(IMAGE_EXTENSIONS)


@pytest.mark.parametrize("body", NONE)
def test_what_is_no_image_is_unreadable(body: bytes) -> None:
    assert media_type_of(body) is None
    assert read(body, Content_Type="image/svg+xml\x1b[2J") == Failure(
        URL, FailureKind.UNREADABLE, "no image of a supported type (Content-Type: image/svg+xml [2J)"
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, FailureKind.GONE),
        (403, FailureKind.BLOCKED),
        (503, FailureKind.TEMPORARY),
        (302, FailureKind.UNREADABLE),
        (206, FailureKind.UNREADABLE),
    ],
)
def test_a_status_is_a_failure_whatever_comes_with_it(status: int, kind: FailureKind) -> None:
    found = read(PNG, status)
    assert isinstance(found, Failure)
    assert (found.subject, found.kind) == (URL, kind)


def test_the_content_coding_is_undone_within_bounds() -> None:
    assert read(gzip.compress(PNG), Content_Encoding="gzip") == Image("image/png", PNG)
    bomb = read(gzip.compress(PNG + bytes(MAX_BYTES)), Content_Encoding="gzip")
    assert isinstance(bomb, Failure)
    assert bomb.kind is FailureKind.REFUSED
    spoilt = read(PNG, Content_Encoding="gzip")
    assert isinstance(spoilt, Failure)
    assert spoilt.kind is FailureKind.UNREADABLE


@pytest.mark.parametrize("media_type", [each for each in IMAGES if each != "image/avif"])
def test_one_that_came_without_its_length_must_come_to_its_end(media_type: str) -> None:
    body = IMAGES[media_type]
    assert read(body, stated_length=False) == Image(media_type, body)
    assert read(body[:-3], stated_length=False) == Failure(URL, FailureKind.TEMPORARY, "the image ends in the middle")
    assert isinstance(read(body[:-3]), Image), "with its length it is what the site has"
