"""Images of the mock site: tiny PNGs, each with its own colours. Pure."""

from __future__ import annotations

import struct
import zlib

SIDE = 24  # pixels; large enough to be visible in a browser

# Images below this path are served only with a Referer of the mock site or of Sina.
GUARDED = "/guarded/"
_SINA = "https://finance.sina.com.cn/"


def png(name: str) -> bytes:
    """A valid PNG, 8 bits, RGB, whose bytes follow from `name`: another name gives other bytes."""
    seed = zlib.crc32(name.encode())
    red, green, blue = seed & 255, seed >> 8 & 255, seed >> 16 & 255
    rows = (
        b"\0" + b"".join(bytes(((red + x * 5) & 255, (green + y * 5) & 255, blue)) for x in range(SIDE))
        for y in range(SIDE)
    )
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)),
        (b"tEXt", b"Comment\0" + f"{seed:08x}".encode()),
        (b"IDAT", zlib.compress(b"".join(rows), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def is_refused(path: str, referer: str, base_url: str) -> bool:
    """Whether an image is refused because of its Referer, as Sina's image hosts do."""
    return path.startswith(GUARDED) and not referer.startswith((f"{base_url}/", _SINA))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
