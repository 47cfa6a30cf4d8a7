"""The entry point: the command group, and the exit status for each error."""

from __future__ import annotations

import errno
import io
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from archive.model.errors import (
    ArchiveError,
    CursorError,
    LockedError,
    MissingExtraError,
    NotWritableError,
    ReplicaError,
    TransientError,
    TrustError,
)
from archive.model.secrets import mask_secrets
from cli.context import WRITE_ERRORS, CommandContext, CommandError
from cli.options import GLOBAL_OPTIONS, accept_global_options, set_up_logs
from cli.times import use_utc
from cluster.errors import ClusterError, LeaderError, StaleEpochError, UnavailableError
from config.errors import ConfigError
from scheduler.errors import HealthError, RequestRefusedError
from scheduler.exits import Exit

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Command -> (its "module:attribute", its line in --help). A module is imported only when its command is called.
COMMANDS = {
    "add": ("cli.commands.add:add_command", "Archive one page by its address."),
    "alerts": ("cli.commands.alerts:alerts_command", "Show the alerts, or send a test message."),
    "backfill": ("cli.commands.backfill:backfill_command", "Archive what a feed listed in the past."),
    "backup": ("cli.commands.backup:backup_command", "Back up the archive, or check a backup."),
    "changes": ("cli.commands.changes:changes_command", "Show edits, deletions and returns of articles."),
    "compact": ("cli.commands.compact:compact_command", "Remove old raw pages that only confirmed an article."),
    "cluster": ("cli.commands.cluster:cluster_command", "Set up a cluster of fetchers, or show its state."),
    "completion": ("cli.commands.completion:completion_command", "Print the script for completion in a shell."),
    "coverage": ("cli.commands.coverage:coverage_command", "Show how much of each day is complete."),
    "crawl": ("cli.commands.crawl:crawl_command", "Poll feeds now, archive everything due, then stop."),
    "demo": ("cli.commands.demo:demo_command", "Archive a small invented site on this machine."),
    "diff": ("cli.commands.diff:diff_command", "Show what changed between two versions of an article."),
    "doctor": ("cli.commands.doctor:doctor_command", "Check configuration, folder, index and network."),
    "export": ("cli.commands.export:export_command", "Export articles as JSON, CSV, Parquet, Atom or a site."),
    "feeds": ("cli.commands.feeds:feeds_command", "Show, add, import and switch feeds."),
    "fetcher": ("cli.commands.fetcher:fetcher_command", "Send requests for an archive on another machine."),
    "follow": ("cli.commands.follow:follow_command", "Make a replica of an archive, and keep it current."),
    "forget": ("cli.commands.forget:forget_command", "Remove articles for good, or secrets from raw pages."),
    "help": ("cli.commands.help:help_command", "Show a page of the documentation."),
    "init": ("cli.commands.init:init_command", "Write a configuration file with every setting."),
    "proof": ("cli.commands.proof:proof_command", "Show the newest root, anchor it, or make a key."),
    "rebuild": ("cli.commands.rebuild:rebuild_command", "Recreate files and index from the raw pages."),
    "restore": ("cli.commands.restore:restore_command", "Restore an archive from a backup."),
    "retry": ("cli.commands.retry:retry_command", "Make everything that waits due now."),
    "run": ("cli.commands.run:run_command", "Run the daemon."),
    "search": ("cli.commands.search:search_command", "Search the articles."),
    "serve": ("cli.commands.serve:serve_command", "Show the archive in a browser."),
    "service": ("cli.commands.service:service_command", "Install the daemon as a systemd service."),
    "show": ("cli.commands.show:show_command", "Show an article."),
    "status": ("cli.commands.status:status_command", "Show the state of each feed, and what waits."),
    "tail": ("cli.commands.tail:tail_command", "Show new articles as they are archived."),
    "verify": ("cli.commands.verify:verify_command", "Compare all files with what was recorded."),
}

# The groups of commands in --help.
GROUPS = {
    "Set up": ("init", "feeds", "doctor", "service", "completion", "help", "demo"),
    "Archive": ("crawl", "run", "backfill", "add", "retry", "alerts"),
    "Read": ("status", "coverage", "search", "show", "diff", "changes", "tail", "serve", "export"),
    "Scale out": ("cluster", "fetcher", "follow"),
    "Keep": ("verify", "rebuild", "proof", "backup", "restore", "forget", "compact"),
}
# Commands that create an archive where there is none. All others end with an error there, or need none.
CREATING = {"backfill", "crawl", "demo", "follow", "run"}
# Commands that act on another folder than that of --root, and how it is named.
WITHOUT_ROOT = {
    "demo": "name its folder after the command",
    "restore": "name its folder after the backup",
    "service": "set FINARCHIVE_ARCHIVE_ROOT with systemctl edit finarchive",
}

# Commands that read several archives as one, if --root is given several times.
OF_SEVERAL_ROOTS = {"changes", "coverage", "diff", "export", "search", "serve", "show", "status"}

MAX_DESCRIPTORS = 65_536  # open files of this process
_STDOUT = 1  # its file descriptor; click may have replaced sys.stdout


@contextmanager
def _without_empty_line() -> Iterator[None]:
    """Turn an interrupt into the exception that click raises itself, after it has printed an empty line."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise click.Abort(*error.args) from error


class CommandGroup(click.Group):
    """A command group that imports a command's module when the command is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of this name, with the global options; None if there is none."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        return accept_global_options(getattr(import_module(module), attribute))

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Read the arguments. As in :meth:`invoke`."""
        with _without_empty_line():
            return super().make_context(*args, **more)

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        with _without_empty_line():
            return super().invoke(context)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands and options that a shell offers; it needs no module of a command."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell's completion needs it

        commands = [
            CompletionItem(name, help=help_line)
            for name, (_, help_line) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, context, incomplete)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands for --help; it needs none of their modules."""
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name][1]) for name in names])

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the first argument.

        :raises click.UsageError: there is none; a similar name is suggested
        """
        name = args[0]
        if name not in COMMANDS and (near := get_close_matches(name, COMMANDS, n=1)):
            raise click.UsageError(f"No such command {name!r}. Did you mean {near[0]}?", context)
        return super().resolve_command(context, args)


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    params=[*GLOBAL_OPTIONS],
)
@click.version_option(package_name="finarchive", prog_name="finarchive")
@click.pass_context
def cli(context: click.Context) -> None:
    """Archive the news of Sina Finance (新浪财经) as Markdown files, with every version of every article.

    Without a configuration file the built-in feeds are archived in ./news.

    Example: finarchive crawl china --limit 20
    """
    command = context.ensure_object(CommandContext)
    name = context.invoked_subcommand
    command.creates = name in CREATING
    if reason := WITHOUT_ROOT.get(str(name)):
        command.refuse_root(f"{name} does not take --root: {reason}")
    if name not in OF_SEVERAL_ROOTS:
        command.refuse_several_roots(str(name))
    use_utc(command.is_utc)
    set_up_logs(command)


def main() -> None:
    """Run the command line and exit with one of the statuses of :class:`~scheduler.exits.Exit`."""
    if sys.stdout is None:  # `finarchive crawl >&-`: without this the index would become file descriptor 1
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the encoding does not have is no reason to fail
            stream.reconfigure(errors="replace")
    _raise_descriptor_limit()
    sys.exit(_run())


def _raise_descriptor_limit() -> None:
    """Allow this process as many open files as the system lets it, within reason. See D170."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _run() -> int:
    try:
        if invalid := next((argument for argument in sys.argv if not _is_text(argument)), None):
            raise CommandError(f"the argument {invalid!r} is not UTF-8")
        # A command returns its exit status.
        return int(cli.main(prog_name="finarchive", standalone_mode=False) or Exit.DONE)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "finarchive"
        message = " ".join(error.format_message().split())
        mark = "" if message.endswith(("?", ".")) else "."
        return _fail(f"{message}{mark} See {path} --help", error.exit_code)
    except click.ClickException as error:
        return _fail(error.message, error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        if sys.stderr.isatty():
            click.echo(err=True)  # the terminal shows ^C in this line
        return _fail("; ".join(["interrupted", *map(str, error.args)]), Exit.INTERRUPTED)
    except (OSError, SystemExit) as error:
        return _handle_lost_output(error)
    except Exception as error:
        status = _status(error)
        if status is None:
            raise
        return _fail(str(error), status)


def _is_text(argument: str) -> bool:
    """True if the argument, which the system passes as bytes, is valid text."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fail(message: str, status: int) -> int:
    click.echo(f"finarchive: {mask_secrets(message)}", err=True)
    return status


def _handle_lost_output(error: OSError | SystemExit) -> int:
    """The exit status when stdout cannot be written.

    A broken pipe (`finarchive status | head`) is no failure. click and rich turn it into a SystemExit, which nothing
    else raises.
    """
    message = None
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return _fail(
            "too many open files: raise the limit (LimitNOFILE= of the service, ulimit -n)", Exit.SOME_FAILED
        )
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        # Errors of the archive's own files are ArchiveErrors; any other OSError is a bug.
        if error.errno not in WRITE_ERRORS or error.filename is not None:
            raise error
        message = f"the output cannot be written ({error.strerror}): free some space there"
    # Discard what is still buffered; otherwise flushing it at exit would fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
    return _fail(message, Exit.SOME_FAILED) if message else Exit.DONE


def _status(error: Exception) -> Exit | None:
    """The exit status for an error of one of our packages; None for any other error, which is a bug."""
    match error:
        case RequestRefusedError():
            return error.status
        case (
            ConfigError() | HealthError() | NotWritableError() | MissingExtraError() | TrustError() | CursorError()
            | ReplicaError()
        ):  # fmt: skip
            return Exit.USAGE
        case LockedError() | LeaderError() | StaleEpochError():
            return Exit.LOCKED
        case TransientError() | UnavailableError():  # nothing is lost: the next run writes what could not be written
            return Exit.SOME_FAILED
        case ArchiveError() | ClusterError():
            return Exit.PROBLEMS if isinstance(error, ArchiveError) else Exit.USAGE
    return None
