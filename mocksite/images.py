"""Pictures that the replica serves: tiny PNGs, each of its own colours. Pure."""

from __future__ import annotations

import struct
import zlib

SIDE = 24  # pixels: enough to be seen in a browser

# Pictures below it are given to those only whose Referer is the site's, or Sina's.
GUARDED = "/guarded/"
_OURS = "https://finance.sina.com.cn/"


def png(name: str) -> bytes:
    """A valid PNG whose bytes follow from a name: other names, other bytes; 8 bits, RGB."""
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
    """Whether a picture is refused to whoever comes from there, as Sina's picture hosts do."""
    return path.startswith(GUARDED) and not referer.startswith((f"{base_url}/", _OURS))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
