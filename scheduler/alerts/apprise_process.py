"""Child process of :mod:`scheduler.alerts.sender`: sends one message with apprise.

The request arrives on stdin, so that the address does not appear in a process list; the result goes to stdout.
"""

from __future__ import annotations

import json
import logging
import re
import sys

import apprise


class _LogCollector(logging.Handler):
    """Collects apprise's warnings and errors, which say why a message failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{record.getMessage()}\n"


def deliver(url: str, title: str, body: str) -> str | None:
    """Send a message; with an empty body, only check that apprise supports the address.

    :return: why it failed, with no part of the address except its scheme; None if it succeeded
    """
    log = _LogCollector()
    logging.getLogger("apprise").addHandler(log)
    # Without this, some services keep a session on the disk.
    asset = apprise.AppriseAsset(
        app_id="finarchive", app_desc="finarchive", storage_mode=apprise.PersistentStoreMode.MEMORY
    )
    service = apprise.Apprise.instantiate(url, asset=asset)
    if not isinstance(service, apprise.NotifyBase):
        return "apprise knows no such address"
    if not body:
        return None
    sender = apprise.Apprise(service, asset=asset)
    # As plain text: a service that shows HTML or Markdown escapes it.
    if sender.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT):
        return None
    scheme = url.partition("://")[0].lower()
    if code := re.search(r"error=(\d+)", log.text):
        return f"the {scheme} service did not accept it (error {code[1]})"
    return f"the {scheme} service could not be reached, or did not accept it"


def main() -> None:
    """Carry out the request on stdin and print the result."""
    request = json.load(sys.stdin)
    failure = deliver(request["url"], request["title"], request["body"])
    json.dump({"failure": failure}, sys.stdout)


if __name__ == "__main__":
    main()
