"""HTTP requests to time-stamping authorities and calendars, in a child process. Limits the size of an answer.

The owner of the archive has configured the addresses, so they may be private ones. The time is limited by the parent.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from archive.model.errors import ProofError

# Tokens with their certificates have about 6 kB, answers of calendars less than one.
MAX_ANSWER_BYTES = 64 * 1024
SOCKET_TIMEOUT_SECONDS = 20.0  # for a connection, and for each part of an answer


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: they would repeat a POST as a GET, and send credentials to another host."""

    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


def exchange(url: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
    """Send a request, a POST if it has a body, and return the answer.

    :param url: http or https; a user and a password in it are sent as Basic authentication
    :raises ProofError: there is no answer with status 200; the message contains no part of the address
    """
    address, credentials = split_credentials(url)
    more = {"Authorization": f"Basic {credentials}"} if credentials else {}
    request = Request(address, data=body, headers={**headers, **more})  # noqa: S310 - the settings allow http(s) only
    try:
        with build_opener(_NoRedirects).open(request, timeout=SOCKET_TIMEOUT_SECONDS) as response:
            answer: bytes = response.read(MAX_ANSWER_BYTES + 1)
    except HTTPError as error:
        error.close()
        raise ProofError(f"the server answered with status {error.code}") from None
    except URLError as error:
        raise ProofError(f"the server cannot be reached ({_reason(error.reason)})") from None
    except (OSError, HTTPException, ValueError) as error:
        raise ProofError(f"the server's answer was cut off ({_reason(error)})") from None
    if len(answer) > MAX_ANSWER_BYTES:
        raise ProofError(f"the server's answer has more than {MAX_ANSWER_BYTES} bytes")
    return answer


def split_credentials(url: str) -> tuple[str, str]:
    """Return an address without user and password, and both as in Basic authentication; "" if it has none."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, ""
    plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(bare), base64.b64encode(plain.encode()).decode()


def _reason(error: object) -> str:
    """Return the system's words for an error. Other texts are not used: they may contain what was sent."""
    if isinstance(error, TimeoutError):
        return "it takes too long"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or type(error).__name__}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
