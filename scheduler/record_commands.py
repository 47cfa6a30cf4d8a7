"""The commands about the record itself: verifying it, and making it anew from the journal."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from archive.archive import index_path
from archive.verify import verify
from scheduler import record_screen
from scheduler.cli import Refusal, Session
from scheduler.exits import Exit
from scheduler.rebuild import mend, rebuild


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.pass_obj
def verify_command(session: Session, repair: bool, as_json: bool) -> Exit:
    """Read the whole archive and name every file that is not as it was recorded.

    Example: finarchive verify --repair
    """
    settings, root = session.settings, session.settings.archive.root.absolute()
    if not index_path(root).exists():
        raise Refusal(f"{root} holds no archive: there is no {index_path(root)}")
    with record_screen.files_progress("verifying", quiet=as_json or session.verbosity == -1) as on_progress:
        report = verify(root, on_progress)
    mended: list[str] = []
    wanted = {each.path: report.recorded[each.path] for each in report.problems if each.path in report.recorded}
    if repair and wanted:
        mended = mend(root, settings.network.max_body, session.now(), wanted)
    left = [each for each in report.problems if each.path not in mended]
    if as_json:
        told = {"articles": report.articles, "files": report.files, "problems": [asdict(each) for each in left]}
        click.echo(json.dumps(told | ({"repaired": mended} if repair else {}), ensure_ascii=False))
    else:
        record_screen.show_verified(report, left, mended)
    return Exit.PROBLEMS if left else Exit.DONE
