"""Output of ``forget``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from archive.journal.tombstones import dump_forgotten, dump_rewritten
from archive.model.secrets import mask_secrets
from cli.output.console import many, stdout_console, visible
from cli.output.verify import MAX_PATHS, describe
from scheduler.exits import Exit

if TYPE_CHECKING:
    from archive.integrity.forget import SecretsOfFile
    from archive.integrity.removals import FileRemovals
    from archive.journal.tombstones import Forgotten, Rewrite


def articles_document(
    plan: Sequence[Forgotten], files: Sequence[str], removals: Sequence[FileRemovals], *, dry_run: bool
) -> dict[str, object]:
    """The document of ``forget --json`` for articles."""
    document = {**dump_forgotten(plan), "files": list(files), "dry_run": dry_run}
    if dry_run:
        document["raw"] = [{"file": each.path.name, "fetches": each.fetches} for each in removals]
        document["shared"] = sorted({docid for each in removals for docid in each.shared})
    return document


def show_articles(
    plan: Sequence[Forgotten], files: Sequence[str], removals: Sequence[FileRemovals], others: int, *, dry_run: bool
) -> None:
    """Print what was removed, or would be.

    :param others: articles that other feeds have listed too
    """
    console = stdout_console()
    if not plan:
        console.print("These articles were removed before.")
        return
    would = "Would remove" if dry_run else "Removed"
    versions, images = (
        sum(len(each.versions) for each in plan),
        len({one.url for each in plan for one in each.images}),
    )
    console.print(
        f"{would} {many(len(plan), 'article')}: {many(versions, 'version')}, {many(len(files), 'file')}, "
        f"{many(images, 'image')}"
    )
    if others:
        console.print(f"{many(others, 'article')} of the feed are in other feeds too")
    for path in files[:MAX_PATHS] if dry_run else ():
        console.print(visible(f"  {path}"))
    if dry_run and len(files) > MAX_PATHS:
        console.print(f"  ... and {len(files) - MAX_PATHS} more (--json lists all)")
    for removal in removals:
        console.print(visible(f"  {removal.path.name}: {many(removal.fetches, 'fetched page')}"))
    if shared := sorted({docid for each in removals for docid in each.shared}):
        console.print(visible(f"Raw pages that other articles have too would stay: {', '.join(shared)}"))


def secrets_document(found: Sequence[SecretsOfFile], done: Sequence[Rewrite], *, dry_run: bool) -> dict[str, object]:
    """The document of ``forget --secrets --json``."""
    return {
        "found": [
            {"file": each.path.name, "records": len(each.members), "headers": dict(sorted(each.headers.items()))}
            for each in found
        ],
        "rewritten": [dump_rewritten(each) for each in done],
        "failed": [{"file": each.path.name, "offset": offset} for each in found for offset in each.stuck],
        "dry_run": dry_run,
    }


def show_secrets(found: Sequence[SecretsOfFile], done: Sequence[Rewrite]) -> None:
    """Print the secrets that were removed, or found."""
    console = stdout_console()
    for rewrite in done:
        console.print(visible(describe(rewrite)))
    for each in found if not done else ():
        headers = ", ".join(f"{name} {count}" for name, count in sorted(each.headers.items()))
        console.print(visible(f"{each.path.name}: {many(len(each.members), 'record')} with secrets ({headers})"))
    for each in found:
        for offset in each.stuck:
            console.print(visible(f"{each.path.name}: the record at byte {offset} cannot be written in its place"))
    if not found:
        console.print("The raw pages have no secrets.")


def report_mirror(reason: str | None) -> Exit:
    """Say on stderr if the mirror still has what was removed, and return the exit status.

    :param reason: why it has; None: it has not, or there is no mirror
    """
    if reason is None:
        return Exit.DONE
    what = f"the mirror still has what was removed ({reason}): the daemon, or the next crawl, removes it there"
    click.echo(f"finarchive: {mask_secrets(what)}", err=True)
    return Exit.SOME_FAILED
