"""``finarchive compact``."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from cli.context import CommandContext, CommandError
from cli.options import existing_index, json_option, print_json
from cli.output.console import file_size, many
from cli.output.forget import report_mirror
from config.durations import format_duration, parse_duration
from crawler.parsing.pool import ParserPool
from pipeline.compact import CompactionResult, compact, preview
from scheduler.exits import Exit
from scheduler.mirroring import open_mirrored


@click.command("compact")
@click.option("--older-than", metavar="AGE", help="Such as 2y or 400d. [default: archive.raw_keep]")
@click.option("--dry-run", is_flag=True, help="Report what would be removed without removing it.")
@json_option
@click.pass_obj
def compact_command(context: CommandContext, *, older_than: str | None, dry_run: bool, as_json: bool) -> Exit:
    """Remove old raw pages that only confirmed an unchanged article. Everything else stays, and rebuild still works.

    The daemon does this itself if archive.raw_keep is set.

    Example: finarchive compact --older-than 2y --dry-run
    """
    existing_index(context)  # without one, nothing is known of the pages
    keep, status = _age(context, older_than), Exit.DONE
    if dry_run:
        result = _preview(context, context.now() - keep)
    else:
        result, status = _compact(context, keep)
    if as_json:
        print_json({"files": result.files, "pages": result.pages, "freed": result.freed, "dry_run": dry_run})
    elif not result.pages:
        context.say(
            f"Nothing to remove: {context.archive_root} has no such pages older than {format_duration(keep)}."
        )
    else:
        did = "Would remove" if dry_run else "Removed"
        context.say(
            f"{did} {many(result.pages, 'raw page')} older than {format_duration(keep)} from "
            f"{many(result.files, 'file')}: {file_size(result.freed)}."
        )
    return status


def _age(context: CommandContext, stated: str | None) -> timedelta:
    if stated is not None:
        try:
            age = parse_duration(stated)
        except ValueError as error:
            raise CommandError(f"--older-than: {error}") from error
        if age < timedelta(days=1):
            raise CommandError(f"--older-than: must be at least 1d, not {stated}")
        return age
    keep = context.settings.archive.raw_keep
    if keep is None:
        raise CommandError('which age? Give --older-than, such as 2y, or set archive.raw_keep (it is "forever")')
    return keep


def _preview(context: CommandContext, before: datetime) -> CompactionResult:
    settings = context.settings
    with ParserPool() as parsers:
        return preview(settings.archive.root, before, parsers, settings.network.max_body)


def _compact(context: CommandContext, keep: timedelta) -> tuple[CompactionResult, Exit]:
    with open_mirrored(context.settings, "compact", context.now) as opened:
        before, max_body = opened.now - keep, context.settings.network.max_body
        result = compact(opened.archive, before, opened.now, opened.parsers, max_body)
    return result, report_mirror(opened.not_mirrored)
