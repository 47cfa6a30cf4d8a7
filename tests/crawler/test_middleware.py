"""Whether a compressed answer is whole."""

from __future__ import annotations

import gzip
import zlib

import pytest

from crawler.http.middleware import is_complete

TEXT = "财经要闻，市场观察。".encode() * 5000
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
STREAMS = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "bare deflate": BARE.compress(TEXT) + BARE.flush(),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_complete_if_it_reaches_its_end(name: str) -> None:
    stream = STREAMS[name]
    assert is_complete(stream)
    assert not any(is_complete(stream[:length]) for length in range(1, len(stream), 7))


def test_no_body_is_whole_and_what_is_no_stream_is_not() -> None:
    assert is_complete(b"")
    assert not is_complete(b"<html>plain</html>")


def test_a_bomb_is_decompressed_in_chunks() -> None:
    assert is_complete(gzip.compress(bytes(50 * 2**20)))
