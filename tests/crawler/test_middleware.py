"""Whether a compressed answer is whole."""

from __future__ import annotations

import gzip
import zlib

import pytest

from crawler.http.middleware import ends

TEXT = "财经要闻，市场观察。".encode() * 5000
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
STREAMS = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "bare deflate": BARE.compress(TEXT) + BARE.flush(),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_whole_when_it_comes_to_its_end(name: str) -> None:
    stream = STREAMS[name]
    assert ends(stream)
    assert not any(ends(stream[:length]) for length in range(1, len(stream), 7))


def test_no_body_is_whole_and_what_is_no_stream_is_not() -> None:
    assert ends(b"")
    assert not ends(b"<html>plain</html>")


def test_a_bomb_is_looked_at_piece_by_piece() -> None:
    assert ends(gzip.compress(bytes(50 * 2**20)))
