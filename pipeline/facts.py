"""What a page states, compared with what it stated at the fetch before: its title and its facts. Pure.

The list and the page each state a title, a medium and keywords, and often differ for good. So each is compared with
itself, and the one that changed last prevails. See D143 and D144.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from archive.model.article import Article, PageFacts
from archive.model.fetch import ArticleState, FactsChange
from crawler.extract.fingerprint import fingerprint, fold_title, story

# Of one version. More changes than that come from a page that changes at every load, and would fill the index.
MAX_FACTS_CHANGES = 200
_FIELDS = ("published", "updated", "media", "keywords", "symbols")


def settle(article: Article, listed_title: str, state: ArticleState) -> Article:
    """Return an article with the title, medium and keywords that prevail.

    :param article: as extracted, with those of the list where it has them
    :param listed_title: as listed now; "": the list has none
    :param state: of the article; if it is not known what the page stated before, the article stays as it is
    """
    if state.stated is None:
        return article
    newest, page = state.revision, article.page
    changed = _changed(page, state.stated)
    settled = replace(
        article,
        title=_title(article, listed_title, state),
        media=page.media if "media" in changed else newest.media or article.media,
        keywords=page.keywords or () if "keywords" in changed else newest.keywords or article.keywords,
    )
    if settled.title == article.title:
        return settled
    urls = [picture.url for picture in article.pictures]
    return replace(
        settled,
        fingerprint=fingerprint(settled.title, article.text, urls),
        story=story(settled.title, article.text),
    )


def _title(article: Article, listed_title: str, state: ArticleState) -> str:
    """Return the title of the source that changed last; of both changed, the list's takes precedence.

    A page has not changed its title if that is still there by the general rule: only our knowledge of its site has.
    """
    if listed_title and fold_title(listed_title) != fold_title(state.listed_title):
        return listed_title
    before = state.stated.title if state.stated else None
    title = article.page.title
    if title and before and fold_title(before) not in (fold_title(title), fold_title(article.general_title)):
        return title
    return state.revision.listed_title


def change_of_facts(article: Article, state: ArticleState) -> FactsChange | None:
    """Return how the facts of an article changed while its text stayed; None if they did not.

    :param article: as :func:`settle` returns it
    """
    before, newest = state.stated, state.revision
    if before is None or not newest.fingerprint or state.facts_step >= MAX_FACTS_CHANGES:
        return None
    old = {
        "published": before.published or newest.published,
        "updated": newest.updated,
        "media": newest.media,
        "keywords": newest.keywords,
        "symbols": newest.symbols,
    }
    new = {name: getattr(article.page, name) for name in _changed(article.page, before)}
    if "symbols" in new:
        new["symbols"] = article.symbols  # those that the list names are among them
    changed = {name: (old[name], value) for name, value in new.items() if _differs(value, old[name])}
    if not changed:
        return None
    now: Mapping[str, Any] = old | {name: value for name, (_, value) in changed.items()}
    return FactsChange(
        state.facts_step + 1, changed, now["updated"], now["media"], tuple(now["keywords"]), tuple(now["symbols"])
    )


def stated_after(article: Article, state: ArticleState | None, *, is_version: bool) -> PageFacts:
    """Return what the page stated last, after a fetch: a field that it omits now keeps its value.

    :param is_version: the fetch made a version, whose stocks are those of its own text
    """
    before, page = state.stated if state else None, article.page
    if before is None:
        return page
    omitted = {
        name: getattr(before, name)
        for name in ("title", *_FIELDS)
        if getattr(page, name) is None and not (is_version and name == "symbols")
    }
    return replace(page, **omitted)


def _changed(page: PageFacts, before: PageFacts) -> list[str]:
    """Return the fields that a page states in another way than before.

    A field that it does not state has not changed: another layout may lack it.
    """
    return [name for name in _FIELDS if _differs(getattr(page, name), getattr(before, name))]


def _differs(now: Any, before: Any) -> bool:
    if isinstance(now, tuple):  # keywords and stocks: their order means nothing
        return set(now) != set(before or ())
    return now is not None and now != before
