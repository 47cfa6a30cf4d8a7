"""Another archiver's tool replays the raw pages: pywb, if it is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest

from mocksite.server import MockSite
from tests.conftest import Home

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not Path(sys.executable).with_name("wayback").exists(), reason="pywb is not installed")
def test_pywb_replays_a_page_as_the_site_sent_it(home: Home, mocksite: MockSite, tmp_path: Path) -> None:
    home.configure(mocksite.endpoint)
    assert home.run("crawl").status == 0
    url = mocksite.site.address(mocksite.site.stories[0].docid)
    page = mocksite.site.article(mocksite.site.stories[0].path)
    tools, place = Path(sys.executable).parent, tmp_path / "pywb"
    place.mkdir()
    for command in (["init", "news"], ["add", "news", *map(str, (home.root / ".finarchive" / "warc").iterdir())]):
        subprocess.run([tools / "wb-manager", *command], cwd=place, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    wayback = subprocess.Popen(
        [tools / "wayback", "-b", "127.0.0.1", "-p", str(port)],
        cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        replayed = b""
        while not replayed and wayback.poll() is None:  # until it listens
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/news/2100id_/{url}") as response:
                    replayed = response.read()
            except URLError:
                continue
        assert replayed == page
    finally:
        wayback.kill()
        wayback.wait()
        shutil.rmtree(place)
