"""An HTTP proxy in front of the mock site that demands a password and sets a cookie."""

from __future__ import annotations

import base64
import http.client
from urllib.parse import urlsplit

from tests.support.http_service import HttpService, QuietHandler

USER, PASSWORD, COOKIE = "proxyuser", "hunter2", "sessioncookie"


class CookieProxy(HttpService):
    """Serves while its ``with`` block runs. ``address`` has the user and the password."""

    def __init__(self, site: str) -> None:
        """Create a proxy.

        :param site: the address of the mock site, which gets all requests
        """
        self.requests = 0  # with the right password
        target, proxy = urlsplit(site).netloc, self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                given = self.headers.get("Proxy-Authorization", "").removeprefix("Basic ")
                if base64.b64decode(given).decode() != f"{USER}:{PASSWORD}":
                    self.send_error(407)
                    return
                proxy.requests += 1
                upstream = http.client.HTTPConnection(target, timeout=10)
                names = ("Accept", "Referer", "If-None-Match")
                headers = {name: self.headers[name] for name in names if name in self.headers}
                upstream.request("GET", self.path, headers=headers | {"Host": self.headers["Host"]})
                response = upstream.getresponse()
                body = response.read()
                self.send_response(response.status)
                self.send_header("Content-Type", response.headers["Content-Type"])
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Set-Cookie", f"id={COOKIE}; Path=/")
                self.end_headers()
                self.wfile.write(body)
                upstream.close()

        super().__init__(Handler)
        self.address = f"http://{USER}:{PASSWORD}@127.0.0.1:{self.port}"
