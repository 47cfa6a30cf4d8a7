"""Random histories of lists and pages agree with a small model: versions, titles and stocks at each time."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path

import pytest
from msgspec import Struct, field

from archive.store import Store
from tests.pipeline.test_facts import DOCID, Article, page

STOCKS = ("AAA", "BBB", "CCC")


class Model(Struct):
    """What is to be known of an article."""

    listed: str = ""
    headline: str = ""
    title: str = ""
    stocks: frozenset[str] = frozenset()
    versions: list[tuple[str, str]] = field(default_factory=list)

    def see(self, listed: str, headline: str, text: str, stocks: frozenset[str] | None) -> None:
        headline_changed = bool(headline and self.headline and headline != self.headline)
        if listed != self.listed:
            self.title = listed
        elif headline_changed:
            self.title = headline
        self.listed, self.headline = listed, headline or self.headline
        if not self.versions or self.versions[-1] != (self.title, text):
            self.versions.append((self.title, text))
            self.stocks = stocks or frozenset()
        elif stocks is not None:
            self.stocks = stocks


@pytest.mark.parametrize("seed", range(12))
def test_random_histories_agree_with_the_model(tmp_path: Path, seed: int) -> None:
    dice, model, known = random.Random(seed), Model(), list[tuple[datetime, int, frozenset[str]]]()
    store = Store.open(tmp_path / "index.db")
    article, listed = Article(store), "列甲"
    article.poll(listed)
    for _ in range(14):
        if dice.random() < 0.3:
            listed = dice.choice(["列甲", "列乙", "列丙"])
            article.poll(listed)
        headline, text = dice.choice(["页甲", "页甲", "页乙", ""]), dice.choice(["文甲。", "文甲。", "文乙。"])
        stocks = dice.choice([None, "", "AAA&BBB", "BBB&AAA", "CCC"])
        article.fetch(page(headline, text, stocks=stocks))
        named = None if stocks is None else frozenset(filter(None, stocks.split("&")))
        model.see(listed, headline, text, named)
        known.append((article.now, len(model.versions), model.stocks))
    assert [revision.title for revision in store.articles.revisions(DOCID)] == [title for title, _ in model.versions]
    for time, versions, named in known:
        document = article.known(time)
        assert (len(document["revisions"]), frozenset(document["facts"]["symbols"])) == (versions, named)
        assert {each for each in STOCKS if article.found(f"symbol:{each}", time)} == named
        assert {each for each in STOCKS if store.stats.of_symbol(each, 5, 0, time)} == named
    assert store.articles.contradictions() == []
    store.close()
