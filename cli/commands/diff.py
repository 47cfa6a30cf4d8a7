"""``finarchive diff``."""

from __future__ import annotations

import click

from archive.diff.revisions import compare_revisions
from archive.model.article import Revision
from cli.article_document import find_entry, refuse_forgotten
from cli.context import CommandContext, CommandError
from cli.diff_document import difference_json
from cli.options import json_option, open_store, print_json
from cli.output.diff import show_difference, show_single_version
from crawler.extract.body import article_text
from scheduler.exits import Exit


@click.command("diff")
@click.argument("id")
@click.argument("rev", nargs=-1, type=click.IntRange(min=1))
@json_option
@click.pass_obj
def diff_command(context: CommandContext, id: str, rev: tuple[int, ...], as_json: bool) -> Exit:  # noqa: A002 - its name
    """Show what changed between two versions of an article.

    ID is a docid, an address or a path. REV REV are the numbers of the two versions; without them the two newest are
    compared. Removed text is red or marked [-...-], added text is green or marked {+...+}.

    Example: finarchive diff mcwiwss7730811 1 3
    """
    if rev and len(rev) != 2:
        raise click.UsageError("name two versions, or none for the two newest")
    found = find_entry(open_store(context), id)
    if found is None:
        raise CommandError(f"{context.described_archives} no article {id}")
    store, entry = found
    refuse_forgotten(store, entry["docid"])
    old, new = _choose(store.articles.revisions(entry["docid"]), rev, entry["docid"])
    difference = compare_revisions(store, store.root, old, new, article_text) if old else None
    if as_json:
        print_json(difference_json(store.prefix + entry["path"], old, new, difference))
    elif difference:
        show_difference(difference)
    else:
        show_single_version(new)
    return Exit.DONE


def _choose(revisions: list[Revision], numbers: tuple[int, ...], docid: str) -> tuple[Revision | None, Revision]:
    """The versions to compare; the first is None if there is only one version and no numbers were given."""
    by_number = {revision.number: revision for revision in revisions}
    if not revisions:
        raise CommandError(f"{docid} is not archived yet: it has no version")
    if unknown := [number for number in numbers if number not in by_number]:
        existing = "one version only" if len(revisions) == 1 else f"the versions 1 to {len(revisions)}"
        raise CommandError(f"{docid} has no version {', '.join(map(str, unknown))}: it has {existing}")
    if numbers:
        return by_number[numbers[0]], by_number[numbers[1]]
    return (revisions[-2] if len(revisions) > 1 else None), revisions[-1]
