"""Hexo and Hugo build a page of each article: from the archive itself, and from its exports."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bench.sites import HEXO, TRIALS, Trial, attempt, make_archives
from tests.conftest import Home

pytestmark = pytest.mark.slow
ARTICLES = 60


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Archives of each profile, with the same articles."""
    home = Home(tmp_path_factory.mktemp("archives"))
    make_archives(home, ARTICLES)
    return home


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_each_article_has_its_page(trial: Trial, archives: Home, tmp_path: Path) -> None:
    hexo = (HEXO / "node_modules/.bin/hexo").exists()
    if not (hexo if trial.name.startswith("Hexo") else shutil.which("hugo")):
        assert "CI" not in os.environ, "what .ci/tools installs is not there"
        pytest.skip(f"{trial.name.partition(',')[0]} is not installed: .ci/tools")
    built = attempt(trial, archives, tmp_path / "site")
    assert built.wrong == []
    assert (built.articles, built.pages) == (ARTICLES, ARTICLES - len(built.hidden))
    assert built.sound


def test_a_missing_page_is_detected(archives: Home, tmp_path: Path) -> None:
    """A builder of no pages, and one whose pages say nothing."""
    nothing = Trial("none", lambda home: home.folder / "sample", lambda *_: iter(()), "h1", "main")
    built = attempt(nothing, archives, tmp_path)
    assert (built.sound, built.pages, len(built.wrong)) == (False, 0, ARTICLES)
    page = tmp_path / "index.html"
    page.write_text("<h1>x</h1><main>y</main>")
    blank = Trial("blank", lambda home: home.folder / "sample", lambda *_: iter([page] * ARTICLES), "h1", "main")
    built = attempt(blank, archives, tmp_path)
    assert (built.sound, built.pages, len(built.wrong)) == (False, ARTICLES, ARTICLES)
