"""The S3 API over HTTP on loopback: moto, with faults."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen
from wsgiref.types import StartResponse, WSGIEnvironment

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

BUCKET = "bucket"
Fault = tuple[int, str]  # status and code of S3


class _SilentHandler(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


class S3Server:
    """Serves one bucket while its ``with`` block runs; ``environment`` is that of its clients.

    :attr:`fault` gets the method and the path of each request, and may return an error to send instead.
    """

    def __init__(self) -> None:
        self.fault: Callable[[str, str], Fault | None] = lambda method, path: None
        self.requests: list[tuple[str, str]] = []  # method and path
        self._app = DomainDispatcherApplication(create_backend_app)  # type: ignore[no-untyped-call]

    def __enter__(self) -> Self:
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, self._respond, threaded=True, request_handler=_SilentHandler
        )
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._send("POST", "moto-api/reset")  # what a server before this one has left in this process
        return self

    def create_bucket(self) -> None:
        """Create the bucket; without it, it does not exist."""
        self._send("PUT", BUCKET)

    def _send(self, method: str, path: str) -> None:
        request = Request(f"http://127.0.0.1:{self._server.port}/{path}", method=method)
        with urlopen(request):  # noqa: S310
            pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _respond(self, environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"]
        self.requests.append((method, path))
        if fault := self.fault(method, path):
            status, code = fault
            environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
            body = f"<Error><Code>{code}</Code><Message>{code} by the test</Message></Error>".encode()
            start(f"{status} Fault", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        return self._app(environment, start)  # type: ignore[no-any-return]
