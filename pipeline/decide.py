"""Decide what a fetch means, given the newest version of the article. Pure.

Live work, recovery and rebuild decide with the same code.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from msgspec.structs import replace

from archive.files.hashing import sha256_of
from archive.files.layout import history_path
from archive.files.post import render
from archive.model.article import Article, Post, Revision, TextSource
from archive.model.feed import Entry, Failure, FailureKind
from archive.model.fetch import ArticleState, Confirmation, Decision, Fetch, Outcome, fingerprint_rule
from archive.model.formatting import written_with
from archive.model.titles import decoded_title
from crawler import urls
from crawler.extract.charset import is_misread
from crawler.extract.deletion import phrase_instead_of
from crawler.extract.fingerprint import fold_title, is_part_of
from pipeline.facts import change_of_facts, settle, stated_after
from pipeline.retry import idle_delay, recheck_at, retry_at, unchanged_fetches

# Per article. Live blogs have dozens. An article that exceeds this changes at every load and would fill the disk.
MAX_REVISIONS = 200
# The last rule (Fetch.rule) by which the file of a title in a wrong charset kept its path.
LAST_RULE_WITH_FIXED_PATHS = 3
# The last rule by which a file's name has a title with HTML character references.
LAST_RULE_WITH_RAW_NAMES = 3
# The last rule by which a file has its stocks as the page and the list write them.
LAST_RULE_WITH_RAW_SYMBOLS = 3
# The last rule by which a file of profile `extended` begins with an empty line.
LAST_RULE_WITH_EMPTY_LINE = 4
CUT = "the page ends before its end tag, </html>"
NO_TEXT = "its text is gone: the page is there, and empty"


def decide(
    fetch: Fetch,
    parsed: Article | Failure,
    state: ArticleState | None,
    digest: str | None,
    *,
    is_second_look: bool = False,
) -> Decision:
    """Return the decision about an article after a fetch.

    :param parsed: the parsed response, or why there is none
    :param state: the article in the index; None when it has no version
    :param digest: of the response body
    :param is_second_look: an earlier fetch of the article brought the same body
    """
    decision = _decide(fetch, parsed, state)
    if parsed.is_cut and not is_second_look:
        decision = _if_cut(decision, state)
    if decision.article and fetch.rule > 1:
        decision = replace(
            decision,
            stated=stated_after(decision.article, state, is_version=decision.revision is not None),
            facts=change_of_facts(decision.article, state) if state and _is_same(decision) else None,
        )
    idle = unchanged_fetches(decision.outcome, state)
    delay = idle_delay(idle)
    # A refetch that will be retried keeps the recheck that is due: the article was not seen at that age yet.
    keeps_recheck = state is not None and decision.due is not None
    return replace(
        decision,
        digest=digest,
        pictures=_images(decision, state),
        recheck=state.recheck if state and keeps_recheck else recheck_at(fetch, decision.outcome, state),
        idle=idle,
        idle_until=None if delay is None else fetch.at + delay,
    )


def _if_cut(decision: Decision, state: ArticleState | None) -> Decision:
    """Return the decision about a page that ends before its end tag: no change before a second look. See D162.

    The last attempt decides, so that a page that never has its end and changes each time is not lost.
    """
    if decision.outcome in (Outcome.SAME, Outcome.MOVED):
        return decision
    failure = Failure(decision.fetch.pending.entry.docid, FailureKind.TEMPORARY, CUT)
    again = _failed(decision.fetch, failure, state)
    return again if again.due else decision


def _is_same(decision: Decision) -> bool:
    """Return whether a page has the text of the newest version; not if its text is another that is not kept."""
    return decision.outcome is Outcome.SAME and not decision.evidence


def _images(decision: Decision, state: ArticleState | None) -> dict[str, str]:
    """Images of the newest version to archive: address -> host. Adds those from before ``archive.images`` was on."""
    if decision.article is None or not decision.fetch.rules.images:
        return {}
    # An unchanged page may name the same images on other hosts: the addresses of the stored version count (D66).
    version = decision.revision or (state.revision if state and state.revision.fingerprint else decision.article)
    return {each.url: urls.host(each.url) for each in version.pictures if urls.is_web(each.url)}


def _decide(fetch: Fetch, parsed: Article | Failure, state: ArticleState | None) -> Decision:
    if fetch.confirmed and state:
        return Decision(fetch, Outcome.SAME, article=_confirmed(state.revision, state.text, fetch.confirmed))
    parsed = _page_or_listed(fetch, parsed, state)
    if isinstance(parsed, Failure):
        return _failed(fetch, parsed, state)
    if state is None:
        return _new_version(fetch, parsed, Outcome.FIRST, 1, None)
    newest = state.revision
    if fetch.rule > 1:
        parsed = settle(parsed, fetch.pending.entry.title, state)
    same = _is_newest_version(parsed, state)
    if fetch.rule == 1 and fetch.pending.entry.content is not None:  # stocks added to the telegraph were a version
        same = same and set(parsed.symbols) == set(newest.symbols)
    if not same and (evidence := _evidence_of_deletion(fetch, parsed, state)):
        return Decision(fetch, Outcome.GONE, evidence, FailureKind.GONE)
    if same or newest.number >= MAX_REVISIONS:
        evidence = "" if same else f"it has {newest.number} versions, and no more are kept"
        return Decision(fetch, Outcome.SAME, evidence, article=parsed)
    return _new_version(fetch, parsed, Outcome.REVISED, newest.number + 1, newest)


def _confirmed(newest: Revision, text: str | None, confirmation: Confirmation) -> Article:
    """Return the article that a removed page had: the newest version, and what the page stated."""
    return Article(
        newest.docid,
        newest.url,
        newest.listed_title,
        newest.published,
        "",
        None,
        newest.fetched_at,
        symbols=confirmation.symbols,
        pictures=newest.pictures,
        text=text or "",
        fingerprint=newest.fingerprint,
        story=newest.story,
        page=confirmation.page,
    )


def _page_or_listed(fetch: Fetch, parsed: Article | Failure, state: ArticleState | None) -> Article | Failure:
    """Return the article on the page, or the one in the feed if the page cannot be had. See D220.

    The text of a page that was read before is not replaced by that of the feed.
    """
    was_page = state is not None and state.revision.text_from is TextSource.PAGE
    if isinstance(parsed, Article):
        is_instead = parsed.text_from is TextSource.FEED and fetch.pending.entry.content is None
        if is_instead and was_page:
            return Failure(parsed.docid, FailureKind.UNREADABLE, parsed.text_note or "")
        return parsed
    if parsed.listed is None or was_page:
        return parsed
    is_final = parsed.kind is FailureKind.UNREADABLE or _failed(fetch, parsed, state).due is None
    return parsed.listed if is_final else parsed


def _evidence_of_deletion(fetch: Fetch, parsed: Article, state: ArticleState) -> str:
    """Return why a page that could be read shows that the article is deleted; "" if it does not."""
    if not parsed.text:
        return NO_TEXT if state.text != "" else ""
    if fetch.pending.entry.content is not None:  # the text is in the listing, which says itself what is deleted
        return ""
    phrase = phrase_instead_of(state.text, parsed.text)
    return f"the page says {phrase}, and its text is gone" if phrase else ""


def _is_newest_version(parsed: Article, state: ArticleState) -> bool:
    """Return whether an article is the newest version. The index then stores today's fingerprint for it."""
    newest, text = state.revision, state.text
    if fingerprint_rule(newest.fingerprint) == fingerprint_rule(parsed.fingerprint):
        return parsed.fingerprint == newest.fingerprint
    if text is None or parsed.title != newest.listed_title:  # without its text, only the title can be compared
        return parsed.title == newest.listed_title
    # An older rule computed the fingerprint, from a text that may have more of the page (D132).
    names = ([picture.url for picture in each.pictures] for each in (parsed, newest))
    return bool(parsed.text) == bool(text) and is_part_of(parsed.text, next(names), text, next(names))


def _failed(fetch: Fetch, failure: Failure, state: ArticleState | None) -> Decision:
    gone, target = failure.kind is FailureKind.GONE, failure.moved_to
    outcome = Outcome.MOVED if target else Outcome.GONE if gone else Outcome.FAILED
    due = None if state and gone else retry_at(failure.kind, fetch, state)
    return Decision(fetch, outcome, failure.reason, failure.kind, moved_to=target, due=due)


def _new_version(fetch: Fetch, article: Article, outcome: Outcome, number: int, newest: Revision | None) -> Decision:
    title = _decoded_title(article, fetch.pending.entry)
    name = title if fetch.rule > LAST_RULE_WITH_RAW_NAMES else article.title
    # Files of older fetches are sealed, and a rebuild makes them again as they were.
    written = article if fetch.rule > LAST_RULE_WITH_RAW_SYMBOLS else replace(article, symbols=article.raw_symbols)
    path = newest.path if newest else fetch.pending.path  # reserved for the first version by a run that crashed
    moves = newest is not None and fetch.rule > LAST_RULE_WITH_FIXED_PATHS and is_misread(newest.title, title)
    post = render(
        written,
        fetch.filing.categories,
        fetch.filing.author,
        fetch.rules.profile,
        name=name,
        fixed_path=PurePosixPath(path) if path and not moves else None,
        markdown=fetch.rules.markdown,
        local_images=fetch.rules.local_images,
        is_old=fetch.rule <= LAST_RULE_WITH_EMPTY_LINE,
    )
    if newest:
        post = replace(
            post,
            supersedes=history_path(newest.path, newest.number),
            superseded_sha256=newest.sha256,
            moved_from=PurePosixPath(newest.path) if str(post.path) != newest.path else None,
        )
    return Decision(
        fetch, outcome, article=article, post=post, revision=_revision(fetch, article, post, number, title)
    )


def _decoded_title(article: Article, entry: Entry) -> str:
    """Return the title as text. Sina's JSON lists have HTML; pages and feeds of other sites are decoded already."""
    is_listed = not entry.foreign and fold_title(article.title) == fold_title(entry.title)
    return decoded_title(article.title) if is_listed else article.title


def _revision(fetch: Fetch, article: Article, post: Post, number: int, title: str) -> Revision:
    return Revision(
        docid=article.docid,
        number=number,
        path=str(post.path),
        sha256=sha256_of(post.data),
        title=title,
        raw_title=article.title if article.title != title else None,
        published=article.published,
        fetched_at=fetch.at,
        url=article.url,
        modified=fetch.pending.entry.modified,
        updated=article.updated,
        media=article.media,
        keywords=article.keywords,
        symbols=article.symbols,
        editor=article.editor,
        original_title=article.original_title,
        pictures=article.pictures,
        fingerprint=article.fingerprint,
        story=article.story,
        authors=article.authors,
        enclosures=article.enclosures,
        published_text=article.published_text,
        precision=article.precision,
        published_note=article.published_note,
        text_from=article.text_from,
        text_note=article.text_note,
        written_with=written_with(fetch),
    )
