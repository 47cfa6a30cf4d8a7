"""``finarchive proof``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import click

from archive.files.replica_mark import refuse_replica
from archive.proof.minisign import generate_key, write_public_key, write_secret_key
from cli.context import CommandContext, CommandError, cannot_write
from cli.options import existing_root, json_option, open_one_store, print_json
from scheduler.anchors.renewal import Anchor, Renewal, anchors_of, is_anchored, renew
from scheduler.exits import Exit


@click.command("proof")
@click.option("--anchor", "is_anchoring", is_flag=True, help="Anchor the newest root now where it is not anchored.")
@click.option(
    "--new-key", metavar="FILE", type=click.Path(path_type=Path), help="Make a key that signs roots, and FILE.pub."
)
@json_option
@click.pass_obj
def proof_command(context: CommandContext, *, is_anchoring: bool, new_key: Path | None, as_json: bool) -> Exit:
    """Show the root of the newest manifest, to keep elsewhere, and where it is anchored.

    The daemon and each crawl anchor roots too. finarchive verify --kept-root compares a root that was kept.

    Example: finarchive proof --anchor
    """
    if new_key:
        return _make_key(context, new_key, as_json=as_json)
    root = existing_root(context)
    newest = open_one_store(context).manifests.newest()
    anchors = anchors_of(context.settings.proof)
    if is_anchoring and not anchors:
        raise CommandError("no anchor is configured: set proof.anchors or proof.key, see finarchive help proof")
    if is_anchoring:
        refuse_replica(root)
    renewals = asyncio.run(_renew_all(root, newest, anchors)) if is_anchoring and newest else []
    _show(root, newest, anchors, renewals, as_json=as_json)
    return Exit.SOME_FAILED if any(each.failure is not None for each in renewals) else Exit.DONE


async def _renew_all(root: Path, newest: tuple[str, str], anchors: Sequence[Anchor]) -> list[Renewal]:
    renewals = await asyncio.gather(*(renew(root, newest, anchor) for anchor in anchors))
    return [each for group in renewals for each in group]


def _show(
    root: Path,
    newest: tuple[str, str] | None,
    anchors: Sequence[Anchor],
    renewals: Sequence[Renewal],
    *,
    as_json: bool,
) -> None:
    failures = {each.anchor: each.failure for each in renewals if each.failure is not None}
    rows = [
        {
            "anchor": anchor.name,
            "place": anchor.place,
            "anchored": newest is not None and is_anchored(root, newest[0], anchor),
            "failure": failures.get(anchor.name),
        }
        for anchor in anchors
    ]
    if as_json:
        print_json({"newest": {"day": newest[0], "root": newest[1]} if newest else None, "anchors": rows})
        return
    click.echo(f"{newest[0]}={newest[1]}" if newest else "No day is sealed yet.")
    for row in rows:
        state = "anchored" if row["anchored"] else "not anchored"
        click.echo(f"{row['place']}: {state}" + (f" ({row['failure']})" if row["failure"] else ""))


def _make_key(context: CommandContext, path: Path, *, as_json: bool) -> Exit:
    key = generate_key()
    public = path.with_name(f"{path.name}.pub")
    if existing := next((file for file in (path, public) if os.path.lexists(file)), None):
        raise CommandError(f"{existing} exists already: give another name")
    made: list[Path] = []
    try:
        for file, data, mode in ((path, write_secret_key(key), 0o600), (public, write_public_key(key.public), 0o644)):
            # Only the owner may ever read a secret key. A key that exists is not replaced.
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            made.append(file)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(data)
    except OSError as error:
        for each in made:
            each.unlink(missing_ok=True)
        raise cannot_write(file, error) from error
    if as_json:
        print_json({"key": str(path), "public_key": str(public), "id": key.public.id})
    else:
        context.say(f"The key {key.public.id} is in {path}: set proof.key to it, and keep it secret.")
        context.say(f"Publish {public}: minisign -Vm DAY.tsv -p {public} checks a signature with it.")
    return Exit.DONE
