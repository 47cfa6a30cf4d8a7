"""What a look says of an article, beside what is known of it. Pure: live work, recovery and rebuild judge alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from archive.files.hashing import sha256_of
from archive.files.layout import history_path
from archive.files.post import render
from archive.model.article import Article, Post, Revision
from archive.model.feed import Failure, FailureKind
from archive.model.fetch import ArticleState, Decision, Fetch, Outcome, fingerprint_rule
from crawler import urls
from pipeline.retry import idle_delay, recheck_at, retry_at, unchanged_fetches

# Of one article. Live blogs were seen with dozens; what has more changes by itself, and would fill the disk.
MAX_REVISIONS = 200
EMPTIED = "its text is gone: the page is there, and empty"


def decide(fetch: Fetch, read: Article | Failure, known: ArticleState | None, digest: str | None) -> Decision:
    """What becomes of an article.

    :param read: what the look's answer says
    :param known: its newest version; None when it has none
    :param digest: of the answer's body
    """
    decision = _decide(fetch, read, known)
    idle = unchanged_fetches(decision.outcome, known)
    delay = idle_delay(idle)
    # A retry that is due leaves the next age as it is: it may lie in the past, and is still to be checked.
    keeps_age = known is not None and decision.due is not None
    return replace(
        decision,
        digest=digest,
        pictures=_pictures(decision, known),
        recheck=known.recheck if known and keeps_age else recheck_at(fetch, decision.outcome, known),
        idle=idle,
        idle_until=None if delay is None else fetch.at + delay,
    )


def _pictures(decision: Decision, known: ArticleState | None) -> dict[str, str]:
    """The pictures that are to be kept: of the newest version, so that those of before they were wanted come too."""
    if decision.article is None or not decision.fetch.rules.images:
        return {}
    # Where nothing is new the page may name the same pictures on other hosts: those of the version are meant (D66).
    version = decision.revision or (known.revision if known and known.revision.fingerprint else decision.article)
    return {each.url: urls.host(each.url) for each in version.pictures if urls.is_web(each.url)}


def _decide(fetch: Fetch, read: Article | Failure, known: ArticleState | None) -> Decision:
    if isinstance(read, Failure):
        return _unseen(fetch, read, known)
    if known is None:
        return _version(fetch, read, Outcome.FIRST, 1, None)
    newest = known.revision
    # A version whose fingerprint was made by another rule, or never, is compared by its title alone, and given one.
    comparable = fingerprint_rule(newest.fingerprint) == fingerprint_rule(read.fingerprint)
    same = read.fingerprint == newest.fingerprint if comparable else read.title == newest.title
    if fetch.pending.entry.content is not None:  # of the telegraph, which names the stocks of an item later
        same = same and set(read.symbols) == set(newest.symbols)
    if same or newest.number >= MAX_REVISIONS:
        evidence = "" if same else f"it has {newest.number} versions, and no more are kept"
        return Decision(fetch, Outcome.SAME, evidence, article=read)
    if known.has_text and not read.text:
        return Decision(fetch, Outcome.GONE, EMPTIED, FailureKind.GONE)
    return _version(fetch, read, Outcome.REVISED, newest.number + 1, newest)


def _unseen(fetch: Fetch, failure: Failure, known: ArticleState | None) -> Decision:
    gone = failure.kind is FailureKind.GONE
    if known and gone:
        return Decision(fetch, Outcome.GONE, failure.reason, FailureKind.GONE)
    due = retry_at(failure.kind, fetch, known)
    return Decision(fetch, Outcome.GONE if gone else Outcome.FAILED, failure.reason, failure.kind, due=due)


def _version(fetch: Fetch, article: Article, outcome: Outcome, number: int, newest: Revision | None) -> Decision:
    post = render(article, fetch.filing.categories, fetch.filing.author, fetch.rules.profile)
    path = newest.path if newest else fetch.pending.path
    if path:  # the first version has decided it
        post = Post(PurePosixPath(path), post.data, history_path(path, newest.number) if newest else None)
    return Decision(fetch, outcome, article=article, post=post, revision=_revision(fetch, article, post, number))


def _revision(fetch: Fetch, article: Article, post: Post, number: int) -> Revision:
    return Revision(
        docid=article.docid,
        number=number,
        path=str(post.path),
        sha256=sha256_of(post.data),
        title=article.title,
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
    )
