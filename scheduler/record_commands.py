"""The commands about the record itself: verifying it, and making it anew from the journal."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from archive.archive import INNER, index_path
from archive.difference import differ
from archive.records import Revision
from archive.store import Store
from archive.verify import Report, verify
from crawler.body import plain_text
from scheduler import difference_screen, record_screen
from scheduler.article import find_entry
from scheduler.cli import Refusal, Session
from scheduler.deep import verify_deep
from scheduler.difference import difference_json
from scheduler.exits import Exit
from scheduler.rebuild import mend, rebuild


@click.command()
@click.argument("id")
@click.argument("rev", nargs=-1, type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.pass_obj
def diff(session: Session, id: str, rev: tuple[int, ...], as_json: bool) -> Exit:  # noqa: A002 - its name there
    """Show what changed between two versions of an article: the two newest, or those of the numbers REV REV.

    ID is a docid or a path. What went is red or stands in [-...-], what came is green or stands in {+...+}.

    Example: finarchive diff mcwiwss7730811 1 3
    """
    if rev and len(rev) != 2:
        raise click.UsageError("name two versions, or none for the two newest")
    root = session.settings.archive.root
    store = Store.open_for_reading(index_path(root))
    entry = find_entry(store, root, id)
    if entry is None:
        raise Refusal(f"the archive {root} has no article {id}")
    old, new = _two_versions(store.versions.revisions(entry["docid"]), rev, entry["docid"])
    found = differ(store, root, old, new, plain_text) if old else None
    if as_json:
        click.echo(json.dumps(difference_json(entry["path"], old, new, found), ensure_ascii=False))
    elif found:
        difference_screen.show_difference(found)
    else:
        difference_screen.show_lone_version(new)
    return Exit.DONE


def _two_versions(
    revisions: list[Revision], numbers: tuple[int, ...], docid: str
) -> tuple[Revision | None, Revision]:
    """Those to compare; the first is None where there is one only and none was asked for by its number."""
    by_number = {revision.number: revision for revision in revisions}
    if not revisions:
        raise Refusal(f"{docid} is not archived yet: it has no version")
    if unknown := [number for number in numbers if number not in by_number]:
        have = "one version only" if len(revisions) == 1 else f"the versions 1 to {len(revisions)}"
        raise Refusal(f"{docid} has no version {', '.join(map(str, unknown))}: it has {have}")
    if numbers:
        return by_number[numbers[0]], by_number[numbers[1]]
    return (revisions[-2] if len(revisions) > 1 else None), revisions[-1]


@click.command("rebuild")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.pass_obj
def rebuild_command(session: Session, dry_run: bool, as_json: bool) -> Exit:
    """Make all files and the index anew, from the raw pages alone.

    Where this version of finarchive understands a page or writes a file otherwise, they come out otherwise: see what
    would change with --dry-run first. Files that the raw pages know nothing of stay.

    Example: finarchive rebuild --dry-run
    """
    settings = session.settings
    _archive(settings.archive.root)
    with record_screen.bytes_progress("reading raw pages", quiet=as_json or session.verbosity == -1) as on_progress:
        result = rebuild(
            settings.archive.root,
            settings.network.max_body,
            session.now(),
            dry_run=dry_run,
            on_progress=on_progress,
        )
    if as_json:
        click.echo(json.dumps(asdict(result) | {"dry_run": dry_run}, ensure_ascii=False))
    else:
        record_screen.show_rebuilt(result, settings.archive.root, dry_run=dry_run)
    return Exit.PROBLEMS if result.damaged else Exit.DONE


@click.command("verify")
@click.option("--repair", is_flag=True, help="Put back, from the raw pages, what is missing or tampered with.")
@click.option("--deep", is_flag=True, help="Compare the rows of the index with the raw pages, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.pass_obj
def verify_command(session: Session, repair: bool, deep: bool, as_json: bool) -> Exit:
    """Read the whole archive and name every file that is not as it was recorded.

    With --deep the raw pages are understood anew, on all cores, and rows of the index that do not follow from them
    are named too. The archive must not be in use then.

    Example: finarchive verify --repair
    """
    settings, root = session.settings, _archive(session.settings.archive.root)
    if not index_path(root).exists():
        raise Refusal(f"there is no {index_path(root)}: finarchive rebuild makes it anew from the raw pages")
    report, unproven = _verified(session, root, deep=deep, quiet=as_json or session.verbosity == -1)
    mended: list[str] = []
    wanted = {each.path: report.recorded[each.path] for each in report.problems if each.path in report.recorded}
    if repair and wanted:
        mended = mend(root, settings.network.max_body, session.now(), wanted)
    left = [each for each in report.problems if each.path not in mended]
    if as_json:
        told = {"articles": report.articles, "files": report.files, "problems": [asdict(each) for each in left]}
        more = ({"repaired": mended} if repair else {}) | ({"unproven": unproven} if deep else {})
        click.echo(json.dumps(told | more, ensure_ascii=False))
    else:
        record_screen.show_verified(report, left, mended, unproven)
    return Exit.PROBLEMS if left else Exit.DONE


def _archive(root: Path) -> Path:
    """The folder of an archive, absolute.

    :raises Refusal: there is none
    """
    root = root.absolute()
    if not (root / INNER).exists():
        raise Refusal(f"{root} holds no archive: there is no {root / INNER}")
    return root


def _verified(session: Session, root: Path, *, deep: bool, quiet: bool) -> tuple[Report, int]:
    """What was found, and how many articles the raw pages know nothing of."""
    if not deep:
        with record_screen.files_progress("verifying", quiet=quiet) as on_progress:
            return verify(root, on_progress), 0
    with record_screen.bytes_progress("reading raw pages", quiet=quiet) as on_progress:
        return verify_deep(root, session.settings.network.max_body, session.now(), on_progress)
