"""``finarchive init``."""

from __future__ import annotations

from pathlib import Path

import click

from archive.files.output import open_output, own_descriptor
from cli.context import CommandContext, CommandError, cannot_write
from config.files import sample_text
from scheduler.exits import Exit

CONFIG_NAME = "finarchive.toml"


@click.command("init")
@click.argument("path", type=click.Path(path_type=Path), default=Path(CONFIG_NAME))
@click.pass_obj
def init_command(context: CommandContext, path: Path) -> Exit:
    """Write a configuration file to PATH with every setting, its default and its meaning.

    Example: finarchive init
    """
    try:
        with open_output(path, replace=False) as file:
            file.write(sample_text().encode())
    except FileExistsError as error:
        raise CommandError(f"{path} is there already; it was not changed") from error
    except OSError as error:
        raise cannot_write(path, error) from error
    if not path.is_file() or own_descriptor(path) is not None:  # a pipe, or /dev/stdout
        return Exit.DONE
    command = "finarchive crawl" if path == Path(CONFIG_NAME) else f"finarchive -c {path} crawl"
    context.say(f"Wrote {path}: it holds every setting with its default. Edit it, then run: {command}")
    return Exit.DONE
