"""Debian's Chromium, driven by Playwright, and a canary that records its requests to other hosts."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

import pytest
from msgspec import Struct, field
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, ViewportSize, sync_playwright

_AXE = Path(__file__).parent / "axe/node_modules/axe-core/axe.min.js"
# Folder of screenshots; unset: the test's folder.
ARTEFACTS = "ARTEFACTS"
OUTSIDE = "evil.test"  # every name but loopback's leads to the canary; D112
PHONE, DESK = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900)
# Chromium contacts its vendor when it starts, which no test may do.
_FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-domain-reliability", "--no-pings",
)  # fmt: skip
_contexts: WeakKeyDictionary[Browser, dict[str, BrowserContext]] = WeakKeyDictionary()  # by their options


def chromium() -> str:
    """The browser's path; without it the test is skipped, or fails on CI."""
    found = shutil.which("chromium")
    if found is None:
        reason = "Chromium is not installed: .ci/tools installs it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return found


def serious_violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the accessibility of a page: violations of level serious or critical.

    Without axe-core the test is skipped, or fails on CI. Its script runs although the page's policy allows none: the
    browser's developer protocol, which Playwright uses, is not subject to it.
    """
    if not _AXE.exists():
        reason = "axe-core is not installed: .ci/tools installs it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    # preload: without it axe requests the style sheets, which the policy forbids.
    found = page.evaluate("() => axe.run(document, {preload: false, resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}: {each['nodes'][0]['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


@contextmanager
def browser(canary: Canary | None = None) -> Iterator[Browser]:
    """A browser for which every name but loopback's resolves to the canary, or, without one, to nothing."""
    path = chromium()
    elsewhere = f"127.0.0.1:{canary.port}" if canary else "~NOTFOUND"
    with sync_playwright() as playwright:
        flags = [*_FLAGS, f"--host-resolver-rules=MAP * {elsewhere}, EXCLUDE 127.0.0.1, EXCLUDE localhost"]
        running = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield running
        finally:
            running.close()


class Canary:
    """Listens on loopback, answers nothing, and records requests to other host names."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.heard: list[str] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            with connection:
                connection.settimeout(5)
                try:
                    head = connection.recv(4096)  # a request with its Host, or a TLS greeting with the name in it
                except OSError:
                    continue
            if OUTSIDE.encode() in head:
                self.heard.append(head.decode("latin-1").partition("\r\n")[0])


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with Canary() as listening:
        yield listening


@pytest.fixture(scope="module")
def chrome(canary: Canary) -> Iterator[Browser]:
    """The browser of a module's tests; the module imports ``canary`` too."""
    with browser(canary) as running:
        yield running


class Watch(Struct):
    """What a page does unexpectedly."""

    dialogs: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def elsewhere(self, origin: str) -> list[str]:
        """Requests to hosts other than the origin; a data: URL is not a request."""
        return [url for url in self.requests if not url.startswith((f"{origin}/", "data:"))]


@contextmanager
def watched(running: Browser, **options: Any) -> Iterator[tuple[Page, Watch]]:
    """A new page of a context without cookies, and a record of the page's behaviour.

    :param options: of the context, such as ``viewport`` and ``color_scheme``; by default the browser prefers Chinese
    """
    context = _context(running, {"locale": "zh-CN", **options})
    page, watch = context.new_page(), Watch()

    def dismissed(dialog: Dialog) -> None:
        watch.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismissed)
    page.on("console", lambda message: watch.console.append(message.text))
    page.on("pageerror", lambda error: watch.errors.append(str(error)))
    page.on("request", lambda request: watch.requests.append(request.url))
    try:
        yield page, watch
    finally:
        for each in context.pages[1:]:  # also what the page has opened
            each.close()
        context.clear_cookies()


def _context(running: Browser, options: dict[str, Any]) -> BrowserContext:
    """The browser's context with these options, made when it is first needed. Its first page stays blank.

    A new context, or the first page in one, takes a second of CPU time; a further page a third of that.
    """
    contexts, key = _contexts.setdefault(running, {}), json.dumps(options, sort_keys=True)
    if key not in contexts:
        contexts[key] = running.new_context(**options)
        contexts[key].new_page()
    return contexts[key]


def shot(page: Page, name: str, folder: Path) -> None:
    """Save a screenshot in $ARTEFACTS, or in the test's folder."""
    kept = Path(os.environ.get(ARTEFACTS) or folder)
    kept.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=kept / f"{name}.png")
