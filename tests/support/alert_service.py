"""A notification service on loopback that accepts or refuses apprise's json:// messages."""

from __future__ import annotations

import json
import threading
from queue import Empty, Queue
from types import TracebackType
from typing import Any

from tests.support.http_service import HttpService, QuietHandler


class Service(HttpService):
    """Answers with ``status``; received messages are in ``taken``, in order of arrival."""

    def __init__(self) -> None:
        self.status = 200
        self.taken: Queue[dict[str, Any]] = Queue()
        self.requests = threading.Semaphore(0)  # once for each request, before it is answered
        self.goes_on = threading.Event()  # cleared: requests hang
        self.goes_on.set()
        service = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.requests.release()
                service.goes_on.wait()
                if service.status == 200:
                    service.taken.put(document)
                self.send_response(service.status)
                self.end_headers()

        super().__init__(Handler)
        self.url = f"json://name:hush@127.0.0.1:{self.port}/token-hush"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.goes_on.set()
        super().__exit__(kind, error, traceback)

    def messages(self) -> list[dict[str, Any]]:
        """What was taken since the last call."""
        found = []
        while True:
            try:
                found.append(self.taken.get_nowait())
            except Empty:
                return found
