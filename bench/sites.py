"""Check that Hexo and Hugo build a page with the whole text of each article, and measure how long they take.

The archive has articles of the mock site, some of them with titles that are difficult in file names and addresses.
Both tools build the archive itself, and its exports.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from selectolax.lexbor import LexborHTMLParser

from archive.files.layout import index_path
from archive.model.results import Record
from archive.query.parser import And
from archive.store import Store
from mocksite.server import MockSite
from mocksite.story import Story, make_stories
from tests.conftest import NEWEST, Home

HEXO = Path(__file__).with_name("hexo")  # package.json, and the node_modules that .ci/tools installs
TITLES = (
    "*ST样例：重整计划获批", "{{ 7*7 }} 与 {% raw %}", "“引号”'单'\"双\"", "增幅100%", "# 井号: 冒号", "a/b\\c",
    "<b>粗</b>?", "_index", "index", "...省略", "[方括号] !叹号", "~波浪~", "100%% %E4 %zz", "?问号", "C++ & C#",
    "很长" * 60, "- 破折", "tag: yes", "null", "2026-01-01", "a#b?c=d",
)  # fmt: skip
# A build of a few hundred pages takes seconds; this ends one that hangs.
TIMEOUT_SECONDS = 600


class Trial(Struct, frozen=True):
    """A site to build."""

    name: str
    folder: Callable[[Home], Path]  # the folder of the articles, created if missing
    build: Callable[[Path, Path], Iterator[Path]]  # from the site's folder and the articles' to the pages built
    title: str  # CSS selector of the article's title in a page
    content: str  # CSS selector of its text
    hidden: str = r"(?!)"  # pattern of the names that the tool ignores


class Built(Struct, frozen=True):
    """The result of a trial."""

    articles: int
    hidden: list[str]  # paths of those whose names the tool ignores
    pages: int
    seconds: float
    wrong: list[str]  # the problems found

    @property
    def sound(self) -> bool:
        """Whether each article has its page, unless the tool ignores its name, and there is no other page."""
        return not self.wrong and self.pages == self.articles - len(self.hidden)


def hexo(site: Path, articles: Path, *, as_it_stands: bool, more: str = "") -> Iterator[Path]:
    """Build a Hexo site of these articles, with the default theme, and more settings."""
    settings = f"title: 样例\nlanguage: zh-CN\nurl: http://example.com\ntheme: landscape\n{more}"
    if as_it_stands:  # a name may contain "%", so it must not be in the address; do not read .finarchive
        settings += 'permalink: ":year/:month/:day/:hash/"\nignore: ["**/.finarchive/**"]\n'
    (site / "source").mkdir(parents=True)
    (site / "source/_posts").symlink_to(articles)
    (site / "_config.yml").write_text(settings)
    shutil.copy(HEXO / "package.json", site)
    (site / "node_modules").symlink_to(HEXO / "node_modules")
    _run(site, "node_modules/.bin/hexo", "generate")
    yield from (page for year in (site / "public").glob("[0-9]*") for page in year.rglob("index.html"))


def hugo(site: Path, articles: Path) -> Iterator[Path]:
    """Build a Hugo site of these articles, with two templates of one line each."""
    (site / "layouts/_default").mkdir(parents=True)
    (site / "config.toml").write_text(
        'baseURL = "http://example.com/"\ntitle = "样例"\ndisableKinds = ["taxonomy", "term", "RSS", "sitemap"]\n'
        "[markup.goldmark.renderer]\nunsafe = true\n"  # without this, Hugo omits HTML
    )
    page = (
        "<!DOCTYPE html><h1>{{ .Title }}</h1>"
        '<time datetime="{{ .Date.Format "2006-01-02T15:04:05Z07:00" }}"></time><main>{{ .Content }}</main>'
    )
    (site / "layouts/_default/single.html").write_text(page)
    (site / "layouts/_default/list.html").write_text("<!DOCTYPE html>{{ range .Pages }}{{ .Title }} {{ end }}")
    (site / "content").symlink_to(articles)
    _run(site, "hugo")
    yield from (page for page in (site / "public").rglob("index.html") if "<main>" in page.read_text())


def _run(site: Path, *command: str) -> None:
    # Hexo shifts dates by the difference between its setting `timezone` and the zone of the process, so leave it out.
    env = {**os.environ, "TZ": "Asia/Shanghai"}
    done = subprocess.run(
        command, cwd=site, env=env, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    # Hexo reports a failure only in its output.
    if done.returncode or "ERROR" in done.stdout + done.stderr:
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")


def as_it_stands(profile: str) -> Callable[[Home], Path]:
    """The folder of an archive with this profile."""
    return lambda home: home.folder / profile


def exported(output: str) -> Callable[[Home], Path]:
    """The folder of an export of the archive with the profile ``sample``."""

    def make(home: Home) -> Path:
        done = home.run(
            "export", output, "-o", f"export-{output}", FINARCHIVE_ARCHIVE_ROOT="sample", timeout=TIMEOUT_SECONDS
        )
        assert done.status == 0, done.err
        return home.folder / f"export-{output}"

    return make


TRIALS = (
    *(
        Trial(
            f"Hexo, the archive itself, profile {profile}",
            as_it_stands(profile),
            lambda site, articles: hexo(site, articles, as_it_stands=True),
            ".article-title",
            ".article-entry",
            r"(^|/)_",
        )
        # With the profile `hugo`, Hexo misreads the time zone: docs/other-tools.md.
        for profile in ("sample", "extended")
    ),
    *(
        Trial(f"Hugo, the archive itself, profile {profile}", as_it_stands(profile), hugo, "h1", "main", r"(^|/)#")
        for profile in ("sample", "extended", "hugo")
    ),
    Trial(
        "Hexo, finarchive export hexo",
        exported("hexo"),
        lambda site, articles: hexo(site, articles, as_it_stands=False),
        ".article-title",
        ".article-entry",
    ),
    Trial("Hugo, finarchive export hugo", exported("hugo"), hugo, "h1", "main"),
)


def make_archives(home: Home, count: int, titles: tuple[str, ...] = TITLES) -> None:
    """Archive `count` articles in each profile; the newest have these titles."""
    stories: list[Story] = make_stories(count, newest=NEWEST)
    stories = [
        replace(story, title=title) for story, title in zip(stories, titles, strict=False)
    ] + stories[len(titles) :]  # fmt: skip
    with MockSite(stories) as mocksite:
        home.configure(mocksite.endpoint)
        for profile in ("sample", "extended", "hugo"):
            made = {"FINARCHIVE_ARCHIVE_PROFILE": profile, "FINARCHIVE_ARCHIVE_ROOT": profile}
            outcome = home.run("crawl", "--json", timeout=TIMEOUT_SECONDS, **made)
            assert (outcome.status, outcome.json["archived"]) == (0, len(stories)), outcome.err


def attempt(trial: Trial, home: Home, site: Path) -> Built:
    """Build a site and check each of its pages."""
    articles, records = trial.folder(home), list(_records(home))
    began = time.monotonic()
    try:
        pages = list(trial.build(site, articles))
    except RuntimeError as error:
        return Built(len(records), [], 0, time.monotonic() - began, [str(error)])
    seconds = time.monotonic() - began
    hidden = [record.path for record in records if re.search(trial.hidden, record.path)]
    shown = [_Page(page, trial) for page in pages]
    wrong = [
        f"no page has all of {record.path}"
        for record in records
        if record.path not in hidden and not any(page.has(record) for page in shown)
    ]
    return Built(len(records), hidden, len(pages), seconds, wrong)


def _records(home: Home) -> Iterator[Record]:
    store = Store.open_for_reading(index_path(home.folder / "sample"))
    yield from store.search.each(And(()))
    store.close()


class _Page:
    """A page that a site generator built."""

    def __init__(self, path: Path, trial: Trial) -> None:
        page = LexborHTMLParser(path.read_bytes())
        article, title = page.css_first(trial.content), page.css_first(trial.title)
        when = page.css_first("time[datetime]")
        self._time = datetime.fromisoformat(when.attributes["datetime"] or "") if when else None
        self._title = _joined(title.text()) if title else ""
        self._text = _joined(article.text()) if article else ""
        # Markdown shows lines indented by four spaces as code. No article of the mock site has code.
        self._whole = article is not None and not article.css("pre, code")

    def has(self, record: Record) -> bool:
        """Whether this is the article's page, with its title, time and whole text."""
        lines = map(_joined, (record.text or "").splitlines())
        return (
            self._whole
            and (_joined(record.title), record.published) == (self._title, self._time)
            and all(line in self._text for line in lines)
        )


def _joined(text: str) -> str:
    return "".join(text.split())


def main() -> None:
    """Build and print; exit status 1 when a trial has problems."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=300)
    options = parser.parse_args()
    sound = True
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        make_archives(home, options.articles)
        for number, trial in enumerate(TRIALS):
            built = attempt(trial, home, Path(folder, f"site{number}"))
            sound &= built.sound
            print(
                f"{trial.name}: {built.articles} articles, {len(built.hidden)} with names that the tool ignores, "
                f"{built.pages} pages; {built.seconds:.1f} s, "
                f"{1000 * built.seconds / max(built.pages, 1):.1f} ms a page"
            )
            print("\n".join(f"    {each}" for each in built.wrong), end="\n" if built.wrong else "", flush=True)
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
