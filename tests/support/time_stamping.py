"""A time-stamping authority on loopback: ``openssl ts`` behind HTTP, with its own certificates and with faults."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.support.http_service import HttpService, QuietHandler

_CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
"""


class Certificates:
    """A certificate authority, and the certificate and key of a time-stamping authority that it issued.

    :param usage: what the certificate is for
    """

    def __init__(self, folder: Path, name: str = "tsa", usage: str = "critical,timeStamping") -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.ca = self.folder / "ca.pem"
        self._openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name} root",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
            "-keyout", "ca.key", "-out", "ca.pem",
        )  # fmt: skip
        self.issue(usage)
        (self.folder / "serial").write_text("01\n")
        (self.folder / "tsa.cnf").write_text(_CONFIG.format(folder=self.folder))

    def issue(self, usage: str, *times: str) -> None:
        """Issue the certificate of the time-stamping authority.

        :param times: options that set when it is valid; else now and for some days
        """
        self._openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tsa", "-keyout", "tsa.key", "-out", "tsa.csr"
        )
        (self.folder / "ext").write_text(f"extendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        self._openssl(
            "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-extfile", "ext", "-out", "tsa.pem", *(times or ("-days", "30")),
        )  # fmt: skip

    def reply(self, query: bytes) -> bytes:
        """The answer to a request."""
        (self.folder / "query.tsq").write_bytes(query)
        self._openssl(
            "ts", "-reply", "-config", "tsa.cnf", "-section", "one", "-queryfile", "query.tsq", "-inkey", "tsa.key",
            "-signer", "tsa.pem", "-out", "reply.tsr",
        )  # fmt: skip
        return (self.folder / "reply.tsr").read_bytes()

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


class Authority(HttpService):
    """Answers with ``answer(query)``; received requests are in ``requests``."""

    def __init__(self, certificates: Certificates) -> None:
        self.certificates = certificates
        self.answer: Callable[[bytes], bytes] = certificates.reply
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[dict[str, str]] = []
        self.asked = threading.Semaphore(0)  # once for each request, before it is answered
        self.goes_on = threading.Event()  # cleared: requests hang
        self.goes_on.set()
        authority = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.requests.append(dict(self.headers))
                authority.asked.release()
                authority.goes_on.wait()
                body = authority.answer(query) if authority.status == 200 else b"<html>secret-in-page</html>"
                self.send_response(authority.status)
                for name, value in ({"Content-Type": "application/timestamp-reply"} | authority.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        super().__init__(Handler)
        self.url = f"http://name:hush@127.0.0.1:{self.port}/tsr?token=hush"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.goes_on.set()
        super().__exit__(kind, error, traceback)
