"""``finarchive forget``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from archive.files.layout import index_path
from archive.integrity.article_files import files_of
from archive.integrity.forget import find_secrets, forget_secrets
from archive.integrity.removals import FileRemovals, find_removals
from archive.integrity.takedown import forget_articles
from archive.journal.tombstones import Forgotten, Rewrite
from archive.store import Store
from cli.article_document import find_entry
from cli.context import CommandContext, CommandError
from cli.options import existing_root, json_option, print_json
from cli.output.forget import articles_document, report_mirror, secrets_document, show_articles, show_secrets
from scheduler.exits import Exit
from scheduler.mirroring import open_mirrored


@click.command("forget")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--feed", metavar="ID", help="Remove every article that this feed has listed.")
@click.option("--reason", metavar="TEXT", help="Why the articles are removed; the tombstones keep it.")
@click.option("--secrets", is_flag=True, help="Remove values of headers such as Cookie, and passwords in addresses.")
@click.option("--dry-run", is_flag=True, help="Report what would be removed without removing it.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@click.pass_obj
def forget_command(
    context: CommandContext,
    *,
    ids: tuple[str, ...],
    feed: str | None,
    reason: str | None,
    secrets: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> Exit:
    """Remove articles for good: files, history, images, index and raw pages. ID is a docid, an address or a path.

    Tombstones with reason, time and digests stay, so that manifests can be checked; the articles are never fetched
    again. --secrets removes cookies and passwords that earlier versions recorded in raw pages.

    Example: finarchive forget mcwiwss7730811 --reason "court order 2026-17"

    Example: finarchive forget --secrets --dry-run
    """
    if secrets == bool(ids or feed):
        raise CommandError("say what to forget: articles (ID... or --feed ID), or --secrets")
    if secrets:
        return _forget_secrets(context, dry_run=dry_run, as_json=as_json)
    reason = (reason or "").strip()
    if not reason or not reason.isprintable():
        raise CommandError("--reason TEXT is missing: one line that says why; the tombstones keep it")
    root = existing_root(context)
    docids, others = _docids(root, ids, feed)
    if dry_run:
        plan, files, removals, status = *_plan(context, root, docids, reason), Exit.DONE
    else:
        _confirm(len(docids), others, yes=yes)
        plan, files, status = _forget_articles(context, root, docids, reason)
        removals, others = [], 0
    if as_json:
        print_json(articles_document(plan, files, removals, dry_run=dry_run))
    elif dry_run or not context.is_quiet:
        show_articles(plan, files, removals, others, dry_run=dry_run)
    return status


def _forget_articles(
    context: CommandContext, root: Path, docids: Sequence[str], reason: str
) -> tuple[list[Forgotten], list[str], Exit]:
    """Remove articles; return their tombstones, the paths of the files that were removed, and the exit status."""
    with open_mirrored(context.settings, "forget", context.now) as opened:
        plan = opened.archive.store.forgotten.plan(docids, reason, opened.now)
        files = list(files_of(root, [each.docid for each in plan]))
        if plan:
            forget_articles(opened.archive, plan, opened.now)
    return plan, files, report_mirror(opened.not_mirrored)


def _plan(
    context: CommandContext, root: Path, docids: Sequence[str], reason: str
) -> tuple[list[Forgotten], list[str], list[FileRemovals]]:
    """Tombstones that articles would get, paths of their files, and what they have in the raw pages."""
    store = Store.open_for_reading(index_path(root))
    try:
        plan = store.forgotten.plan(docids, reason, context.now())
    finally:
        store.close()
    wanted = [each.docid for each in plan]
    return plan, list(files_of(root, wanted)), list(find_removals(root, wanted))


def _docids(root: Path, ids: Sequence[str], feed: str | None) -> tuple[list[str], int]:
    """The docids of the articles to forget, and how many of a feed's are in other feeds too.

    :raises CommandError: an article is unknown, or the feed has no articles
    """
    store = Store.open_for_reading(index_path(root))
    try:
        found = {ident: find_entry(store, ident) for ident in ids}
        if unknown := [ident for ident, entry in found.items() if entry is None]:
            raise CommandError(f"the archive {root} has no article {', '.join(unknown)}: nothing was removed")
        docids = [entry[1]["docid"] for entry in found.values() if entry]
        if feed is None:
            return list(dict.fromkeys(docids)), 0
        listed = store.forgotten.of_feed(feed)
        if not listed:
            raise CommandError(f"the archive {root} has no articles of a feed {feed}: nothing was removed")
        return list(dict.fromkeys([*docids, *listed])), store.forgotten.in_other_feeds(feed)
    finally:
        store.close()


def _confirm(number: int, others: int, *, yes: bool) -> None:
    """Ask whether to go on.

    :raises CommandError: nobody can be asked
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("this cannot be undone: repeat it with --yes, or look first with --dry-run")
    more = f" ({others} of them are in other feeds too)" if others else ""
    click.confirm(f"Remove {number} {'article' if number == 1 else 'articles'}{more} for good?", abort=True, err=True)


def _forget_secrets(context: CommandContext, *, dry_run: bool, as_json: bool) -> Exit:
    root = existing_root(context)
    if dry_run:
        found, done, status = list(find_secrets(root)), list[Rewrite](), Exit.DONE
    else:
        with open_mirrored(context.settings, "forget", context.now) as opened:
            found = list(find_secrets(root))
            done = forget_secrets(opened.archive, found, opened.now)
        status = report_mirror(opened.not_mirrored)
    if as_json:
        print_json(secrets_document(found, done, dry_run=dry_run))
    elif dry_run or not context.is_quiet or any(each.stuck for each in found):
        show_secrets(found, done)
    return Exit.SOME_FAILED if any(each.stuck for each in found) else status
