"""Articles archived before it was known which statement of a page is its title: no new version, the same rebuild."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from json import dumps

import pytest
from msgspec.structs import replace

from archive.model.fetch import DECISION_RULE, ArticleState, Decision, Fetch, Outcome, RawResponse
from crawler.extract.response import LAST_RULE_WITH_GENERAL_TITLES, parse_fetch
from pipeline.decide import decide
from tests.support.fetches import make_fetch

AT = datetime(2026, 9, 29, tzinfo=UTC)
URL = "https://www.stern.de/news/42.html"
READERS = "Why the harbour of Sampleton freezes every tenth winter"
SEARCH = "Sampleton harbour: frozen port explained"
TEXT = "".join(
    f"<p>Ships waited for {days} days outside the harbour, and the town sent bread and coal over the ice.</p>"
    for days in ("three", "four", "five")
)


def fetch(hours: int, listed: str, rule: int = DECISION_RULE, *, og: str = READERS, headline: str = SEARCH) -> Fetch:
    node = dumps({"@type": "NewsArticle", "headline": headline})
    html = (
        f'<html><head><title>{headline}</title><meta property="og:title" content="{og}">'
        f'<script type="application/ld+json">{node}</script></head><body><h1>{headline}</h1>{TEXT}</body></html>'
    )
    base = make_fetch("e42", AT + timedelta(hours=hours))
    entry = replace(base.pending.entry, url=URL, title=listed, foreign=True)
    response = RawResponse(URL, 200, (("content-type", "text/html"),), html.encode())
    return replace(base, pending=replace(base.pending, entry=entry), response=response, rule=rule)


def decided(fetched: Fetch, state: ArticleState | None = None) -> Decision:
    return decide(fetched, parse_fetch(fetched, 1 << 20), state, None)


def state_after(decision: Decision, before: ArticleState | None = None) -> ArticleState:
    revision = decision.revision or (before.revision if before else None)
    assert revision is not None
    assert decision.article is not None
    listed = decision.fetch.pending.entry.title
    return ArticleState(revision, AT, decision.article.text, stated=decision.stated, listed_title=listed)


def title_of(decision: Decision) -> str:
    assert decision.revision is not None
    return decision.revision.title


def test_an_older_fetch_has_the_title_that_it_had() -> None:
    assert title_of(decided(fetch(0, ""))) == READERS
    assert title_of(decided(fetch(0, "", LAST_RULE_WITH_GENERAL_TITLES))) == SEARCH


@pytest.mark.parametrize("listed", ["", "Ice in the harbour"])
def test_an_update_makes_no_version_and_a_later_change_of_the_title_does(listed: str) -> None:
    first = decided(fetch(0, listed, LAST_RULE_WITH_GENERAL_TITLES))
    known = state_after(first)
    for hours in (1, 2):
        same = decided(fetch(hours, listed), known)
        assert same.outcome is Outcome.SAME
        known = state_after(same, known)
    assert known.revision.title == (listed or SEARCH)
    retitled = decided(fetch(3, listed, og="The harbour of Sampleton is frozen again"), known)
    assert (retitled.outcome, title_of(retitled)) == (Outcome.REVISED, "The harbour of Sampleton is frozen again")


def test_a_title_that_changes_everywhere_at_the_update_makes_a_version() -> None:
    known = state_after(decided(fetch(0, "", LAST_RULE_WITH_GENERAL_TITLES)))
    retitled = decided(fetch(1, "", og="Frozen again", headline="Sampleton harbour: frozen again"), known)
    assert (retitled.outcome, title_of(retitled)) == (Outcome.REVISED, "Frozen again")


def test_a_title_for_search_engines_that_changes_makes_no_version() -> None:
    known = state_after(decided(fetch(0, "")))
    assert decided(fetch(1, "", headline="Sampleton harbour: port frozen again"), known).outcome is Outcome.SAME
