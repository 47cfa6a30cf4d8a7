"""`python -m tests.support.https_site FOLDER`: the mock site as https://news.test, and a name server that knows it.

For a network namespace with nothing else in it: it takes ports 53 and 443 of 127.0.0.1. FOLDER gets ``cert.pem``,
which clients must trust, and then ``ready``.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from mocksite.server import MockSite
from mocksite.story import MAX_LAG, make_stories

HOST, ARTICLES = "news.test", 20
_A, _IN, _HEADER = 1, 1, 12  # of DNS: an address, the internet, octets before the question


def response(query: bytes) -> bytes:
    """127.0.0.1 for an A of HOST, no record of any other type, NXDOMAIN for other names."""
    end = query.index(b"\0", _HEADER) + 5
    question, kind = query[_HEADER:end], int.from_bytes(query[end - 4 : end - 2])
    labels = b"".join(bytes([len(part)]) + part.encode() for part in HOST.split("."))
    known = question[:-5].lower() == labels
    record = b"\xc0\x0c" + bytes([0, _A, 0, _IN, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]) if known and kind == _A else b""
    flags = bytes([0x85, 0x80 if known else 0x83])
    return query[:2] + flags + bytes([0, 1, 0, bool(record), 0, 0, 0, 0]) + question + record


def name_server() -> None:
    """Answer for ever."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        while True:
            query, client = server.recvfrom(512)
            server.sendto(response(query), client)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def _serve(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    # No timeout: clients keep the connection open for the next request.
    with (
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as client,
        socket.create_connection(("127.0.0.1", port)) as server,
    ):
        threading.Thread(target=_pump, args=(server, client), daemon=True).start()
        _pump(client, server)


def main() -> None:
    """Serve until killed."""
    folder = Path(sys.argv[1])
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}",
         "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    threading.Thread(target=name_server, daemon=True).start()
    with (
        MockSite(make_stories(ARTICLES, newest=int(time.time()) - MAX_LAG), now=lambda: int(time.time())) as mocksite,
        socket.create_server(("127.0.0.1", 443)) as server,
    ):
        mocksite.site.base_url = f"https://{HOST}"
        port = urlsplit(mocksite.url).port or 0
        (folder / "ready").touch()
        while True:
            plain, _ = server.accept()
            threading.Thread(target=_serve, args=(plain, context, port), daemon=True).start()


if __name__ == "__main__":
    main()
