"""``finarchive diff``."""

from __future__ import annotations

import json

import click

from archive.diff.revisions import differ
from archive.files.layout import index_path
from archive.model.article import Revision
from archive.store import Store
from cli.article_document import find_entry
from cli.context import CommandContext, CommandError
from cli.diff_document import difference_json
from cli.output import diff as diff_module
from crawler.extract.body import plain_text
from scheduler.exits import Exit


@click.command()
@click.argument("id")
@click.argument("rev", nargs=-1, type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.pass_obj
def diff(context: CommandContext, id: str, rev: tuple[int, ...], as_json: bool) -> Exit:  # noqa: A002 - its name there
    """Show what changed between two versions of an article: the two newest, or those of the numbers REV REV.

    ID is a docid or a path. What went is red or stands in [-...-], what came is green or stands in {+...+}.

    Example: finarchive diff mcwiwss7730811 1 3
    """
    if rev and len(rev) != 2:
        raise click.UsageError("name two versions, or none for the two newest")
    root = context.settings.archive.root
    store = Store.open_for_reading(index_path(root))
    entry = find_entry(store, root, id)
    if entry is None:
        raise CommandError(f"the archive {root} has no article {id}")
    old, new = _two_versions(store.articles.revisions(entry["docid"]), rev, entry["docid"])
    found = differ(store, root, old, new, plain_text) if old else None
    if as_json:
        click.echo(json.dumps(difference_json(entry["path"], old, new, found), ensure_ascii=False))
    elif found:
        diff_module.show_difference(found)
    else:
        diff_module.show_lone_version(new)
    return Exit.DONE


def _two_versions(
    revisions: list[Revision], numbers: tuple[int, ...], docid: str
) -> tuple[Revision | None, Revision]:
    """Those to compare; the first is None where there is one only and none was asked for by its number."""
    by_number = {revision.number: revision for revision in revisions}
    if not revisions:
        raise CommandError(f"{docid} is not archived yet: it has no version")
    if unknown := [number for number in numbers if number not in by_number]:
        have = "one version only" if len(revisions) == 1 else f"the versions 1 to {len(revisions)}"
        raise CommandError(f"{docid} has no version {', '.join(map(str, unknown))}: it has {have}")
    if numbers:
        return by_number[numbers[0]], by_number[numbers[1]]
    return (revisions[-2] if len(revisions) > 1 else None), revisions[-1]
