"""The entry point: the command group, and the exit status of each error."""

from __future__ import annotations

import errno
import os
import sys
from importlib.metadata import version
from pathlib import Path

import click

from archive.model.errors import (
    ArchiveError,
    DiskFullError,
    LockedError,
    MissingExtraError,
    NotWritableError,
)
from cli.context import CommandContext, CommandError
from config.load import ConfigError
from scheduler.daemon.control_socket import RequestRefusedError
from scheduler.exits import Exit
from scheduler.monitoring import logs

_STDOUT = 1  # its file descriptor; click may have put something else in the place of sys.stdout
# What a full disk, a spent quota, a file grown to its limit and a broken disk say of a write.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-c", "--config", type=click.Path(path_type=Path), help="The configuration file.")
@click.option("-v", "--verbose", is_flag=True, help="Log every article, and what the libraries say.")
@click.option("-q", "--quiet", is_flag=True, help="Log errors only; show no progress.")
@click.version_option(version("finarchive"), prog_name="finarchive")
@click.pass_context
def cli(context: click.Context, config: Path | None, verbose: bool, quiet: bool) -> None:
    """An archive of Sina Finance (新浪财经) news: Markdown files that miss nothing and forget nothing.

    Without a configuration file the built-in feeds are archived under ./news.
    """
    if verbose and quiet:
        raise click.UsageError("-v and -q exclude each other")
    command = CommandContext(config, 2 if verbose else -1 if quiet else None)
    # On a terminal the progress bar says what happens; elsewhere each article gets its line.
    logs.set_up(command.verbosity if command.verbosity is not None else 0 if sys.stderr.isatty() else 1)
    context.obj = command


def main() -> None:
    """Run the command line and exit with one of the statuses of :class:`~scheduler.exits.Exit`."""
    from cli.commands import registry  # noqa: PLC0415 - they import this module

    registry.register(cli)
    if sys.stdout is None:  # `finarchive crawl >&-`; the index must not become file descriptor 1 either
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    sys.exit(_run())


def _run() -> int:
    try:
        if strange := next((word for word in sys.argv if not _is_text(word)), None):
            raise CommandError(f"the argument {strange!r} is not UTF-8")
        # A command returns its exit status.
        return int(cli.main(standalone_mode=False) or Exit.DONE)
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _refuse(error.message, error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except (ConfigError, ArchiveError, RequestRefusedError) as error:
        return _refuse(str(error), _status(error))
    except (OSError, SystemExit) as error:
        return _output_lost(error)


def _is_text(word: str) -> bool:
    """Whether an argument is text; the system hands over bytes."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(told: str, status: int) -> int:
    click.echo(f"finarchive: {told}", err=True)
    return status


def _output_lost(error: OSError | SystemExit) -> int:
    told = None
    # `finarchive status | head` has read enough. click and rich make a SystemExit of a broken pipe; nothing of ours
    # raises one.
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        # The archive's own files are told of by an ArchiveError; any other OSError is a bug.
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise error
        told = f"the output cannot be written ({error.strerror}): free some space there"
    # What is still buffered goes nowhere, or flushing it at the end would fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
    return _refuse(told, Exit.SOME_FAILED) if told else Exit.DONE


def _status(error: Exception) -> Exit:
    match error:
        case RequestRefusedError():
            return error.status
        case ConfigError() | NotWritableError() | MissingExtraError():
            return Exit.USAGE
        case LockedError():
            return Exit.LOCKED
        case DiskFullError():  # nothing is lost: what could not be written is fetched again
            return Exit.SOME_FAILED
    return Exit.PROBLEMS
