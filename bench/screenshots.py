"""Make the README's screenshots of the web view: an invented archive in Debian's Chromium.

    python -m bench.screenshots            # writes docs/images/*.png

Needs chromium and fonts-noto-cjk: .ci/tools installs both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace
from playwright.sync_api import Page, ViewportSize

from archive.files.paths import CHINA
from mocksite.server import MockSite
from mocksite.story import MAX_LAG, Story, make_stories
from tests.conftest import NEWEST, Home
from tests.support.browser import browser, watched
from tests.support.web_server import Serving

IMAGES = Path(__file__).parents[1] / "docs" / "images"
MAX_IMAGE_BYTES = 250_000  # four screenshots must not make the repository large
HOURS = 48  # the hours on the first page
FEEDS = (("usstock", "美股", 2672), ("macro", "宏观经济", 1687), ("china", "新浪财经－国內", 1686))
DESKTOP, PHONE = ViewportSize(width=1180, height=820), ViewportSize(width=390, height=820)
EDITED = "nreplica0000007"


@contextmanager
def archive(folder: Path) -> Iterator[Serving]:
    """A served archive with three feeds, and an article that was corrected."""
    home = Home(folder)
    with MockSite(_two_days()) as mocksite:
        feeds = "".join(
            f'[[feeds]]\nid = "{name}"\nkind = "roll"\ncategories = ["金融", "新浪财经", "{title}"]\n'
            f'endpoint = "{mocksite.endpoint}"\nlid = {lid}\n'
            for name, title, lid in FEEDS
        )
        home.config.write_text(
            f"[network]\ndelay = 0\nconcurrency = 8\nallow_private = true\n{feeds}", encoding="utf-8"
        )
        _crawl(home)
        mocksite.clock += 60
        story = next(story for story in mocksite.site.stories if story.docid == EDITED)
        first, _, remainder = story.body.partition("。")
        mocksite.site.edit(
            EDITED, mocksite.clock, title=f"更正：{story.title}",
            body=f"{first}，更正后的数据以统计公报为准。{remainder}<p>　　更正：本文前一版的数字有误，特此说明。</p>",
        )  # fmt: skip
        _crawl(home)
    with Serving(home) as serving:
        yield serving


def _two_days() -> list[Story]:
    """Stories of two days: few at night, most when the markets are open."""
    times = []
    for hour in range(HOURS):
        until = NEWEST - 3600 * hour
        in_china = datetime.fromtimestamp(until, CHINA).hour
        number = 1 if in_china < 7 else 9 if 9 <= in_china < 16 else 5
        times += [until - 3600 * part // number for part in range(number - hour % 3 % number)]
    return [
        replace(story, ctime=time, mtime=time, intime=time + MAX_LAG)
        for story, time in zip(make_stories(len(times), newest=NEWEST), times, strict=True)
    ]


def _crawl(home: Home) -> None:
    outcome = home.run("crawl", "--json", timeout=300)
    if outcome.status:
        raise SystemExit(outcome.err)


def main() -> None:
    """Make all screenshots.

    :raises SystemExit: one is too large
    """
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, archive(Path(folder)) as served, browser() as chrome:
        for name, place, size, scheme in (
            ("front", "/", DESKTOP, "light"),
            ("search", "/search?q=增长 OR 茅台", DESKTOP, "light"),
            ("diff", f"/article/{EDITED}/diff?old=1&new=2", DESKTOP, "light"),
            ("phone", f"/article/{EDITED}", PHONE, "dark"),
        ):
            with watched(chrome, base_url=served.address, viewport=size, color_scheme=scheme) as (page, _):
                page.goto(place, wait_until="networkidle")
                _save(page, IMAGES / f"{name}.png")


def _save(page: Page, path: Path) -> None:
    path.write_bytes(page.screenshot())
    size = path.stat().st_size
    print(f"{path.relative_to(IMAGES.parents[1])}: {size:,} bytes")
    if size > MAX_IMAGE_BYTES:
        raise SystemExit(f"{path} is larger than {MAX_IMAGE_BYTES:,} bytes")


if __name__ == "__main__":
    main()
