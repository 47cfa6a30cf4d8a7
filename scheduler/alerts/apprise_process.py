"""Child process of :mod:`scheduler.alerts.sender`: sends one message with apprise.

The request comes on stdin, so that no list of processes shows an address; the answer goes to stdout.
"""

from __future__ import annotations

import json
import logging
import re
import sys

import apprise


class _LogCollector(logging.Handler):
    """What apprise says of a failure."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said += f"{record.getMessage()}\n"


def deliver(url: str, title: str, body: str) -> str | None:
    """Send a message; without a text, only find out whether there is such an address.

    :return: why it was not taken, without anything of the address but its scheme; None when it was
    """
    said = _LogCollector()
    logging.getLogger("apprise").addHandler(said)
    # Some services keep a session on the disk unless they are told not to.
    asset = apprise.AppriseAsset(
        app_id="finarchive", app_desc="finarchive", storage_mode=apprise.PersistentStoreMode.MEMORY
    )
    service = apprise.Apprise.instantiate(url, asset=asset)
    if not isinstance(service, apprise.NotifyBase):
        return "apprise knows no such address"
    if not body:
        return None
    sender = apprise.Apprise(service, asset=asset)
    # As text: a service that shows HTML or Markdown gets it escaped.
    if sender.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT):
        return None
    scheme = url.partition("://")[0].lower()
    if code := re.search(r"error=(\d+)", said.said):
        return f"the {scheme} service did not take it (error {code[1]})"
    return f"the {scheme} service could not be reached, or did not take it"


def main() -> None:
    """Do what stdin asks for."""
    request = json.load(sys.stdin)
    failure = deliver(request["url"], request["title"], request["body"])
    json.dump({"failure": failure}, sys.stdout)


if __name__ == "__main__":
    main()
