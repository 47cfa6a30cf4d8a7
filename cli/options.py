"""Options, arguments and small functions that several commands share."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.files.layout import index_path, journal_path
from archive.model.errors import ArchiveError, MissingExtraError, QueryError
from cli.context import CommandContext, CommandError
from cli.times import use_utc
from config.errors import ConfigError
from scheduler.monitoring import logs

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from archive.query.nodes import Query
    from archive.store import Store
    from archive.union.store import AnyStore

_GLOBAL_HELP = "-c FILE, --root DIR, --utc, -v and -q may stand before or after the command: see finarchive --help."


def _set_option(context: click.Context, option: click.Parameter, values: tuple[Any, ...] | bool) -> None:
    """Callback of a global option: note its value."""
    command = context.ensure_object(CommandContext)
    for value in values if isinstance(values, tuple) else [True] if values else []:
        command.set_option(str(option.name), value, option.opts[0])
        if option.name == "is_utc":
            use_utc(True)
    if context.parent and values:  # after the command's name, when the logs are set up already
        set_up_logs(command)


def set_up_logs(command: CommandContext) -> None:
    """Log to stderr as the global options say."""
    # On a terminal a progress bar shows what happens; elsewhere each article is logged.
    logs.set_up(command.verbosity if command.verbosity is not None else 0 if sys.stderr.isatty() else 1)


def _global_option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_set_option, **attributes)


# Each is given once, in one of two places. With multiple, two values of one option are an error, not a surprise.
_FOLDER = click.Path(path_type=Path, file_okay=False)
GLOBAL_OPTIONS: list[click.Parameter] = [
    _global_option("-c", "--config", type=click.Path(path_type=Path), multiple=True, help="The configuration file."),
    _global_option(
        "--root",
        type=_FOLDER,
        metavar="DIR",
        multiple=True,
        help="The folder of the archive. Can be repeated: see finarchive help cluster.",
    ),
    _global_option("--utc", "is_utc", is_flag=True, help="Show times in UTC instead of China's."),
    _global_option("-v", "--verbose", "is_verbose", is_flag=True, help="Log every article, and libraries' messages."),
    _global_option("-q", "--quiet", "is_quiet", is_flag=True, help="Log errors only, and show no progress."),
]


class SubcommandGroup(click.Group):
    """A group whose --help has the whole summary of each command."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(limit=1000)) for name, each in self.commands.items()])


def accept_global_options(command: click.Command) -> click.Command:
    """Return a copy of the command, and of its subcommands, that takes the global options too."""
    changed = copy(command)
    hidden = [copy(option) for option in GLOBAL_OPTIONS]
    for option in hidden:
        option.hidden = True  # type: ignore[attr-defined] # an attribute of click.Option
    changed.params = [*command.params, *hidden]
    changed.epilog = _GLOBAL_HELP
    if isinstance(changed, click.Group):
        changed.commands = {name: accept_global_options(each) for name, each in changed.commands.items()}
    return changed


class QueryCommand(click.Command):
    """A command with a query, of which a word may begin with a minus sign: ``search 茅台 -传闻``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Words such as -传闻 get the full-width sign, which is none of an option."""
        return super().parse_args(ctx, ["－" + each[1:] if _is_excluded(each) else each for each in args])


def _is_excluded(argument: str) -> bool:
    # After a sign, an ASCII letter or digit would be an option; so this is a Chinese word, or a phrase.
    return len(argument) > 1 and argument[0] == "-" and (not argument[1].isascii() or argument[1] in '"(')


def complete_feed(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of feeds that a shell offers; none if the configuration cannot be read."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell's completion needs it

    from config.files import feed_names  # noqa: PLC0415

    try:
        ids = feed_names(context.ensure_object(CommandContext).source.path)
    except ConfigError:
        return []
    return [CompletionItem(each) for each in ids if each.startswith(incomplete)]


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")
as_of_option = click.option(
    "--as-of",
    metavar="TIME",
    help="Use only what the archive knew at this time: now, a day (its end in China), or 2026-09-30T09:30+08:00.",
)

cluster_option = click.option(
    "--cluster",
    "dsn",
    metavar="ADDRESS",
    help="PostgreSQL, such as postgresql://db.example/finarchive. [default: cluster.dsn]",
)


def print_json(document: Any) -> None:
    """Print a JSON document on one line, with escapes for what the encoding of stdout does not have."""
    is_unicode = codecs.lookup(sys.stdout.encoding or "utf-8").name.startswith("utf")
    click.echo(json.dumps(document, ensure_ascii=not is_unicode))


@contextmanager
def wrap_query_errors(query: str) -> Iterator[None]:
    """Turn a query error into one for the user.

    :param query: as it was typed
    :raises CommandError: the query is not valid
    """
    try:
        yield
    except QueryError as error:
        raise CommandError(f"cannot search for {query!r}: {error}" if query else str(error)) from error


def check_names(context: CommandContext, store: AnyStore, query: Query) -> None:
    """Check that the feeds and media that a query names exist, in the archive or in the configuration.

    :raises QueryError: one does not exist
    """
    from config.files import feed_names  # noqa: PLC0415 - only a name that the index does not have needs it

    store.names.check(query, lambda: feed_names(context.source.path))


def open_store(context: CommandContext) -> AnyStore:
    """The index of the archive, or those of several archives as one, opened for reading.

    :raises CommandError: there is no archive
    :raises ArchiveError: an index does not exist, or cannot be read
    """
    if context.more_roots:
        from archive.union.store import UnionStore  # noqa: PLC0415 - as below

        return UnionStore.open_for_reading(existing_indexes(context))
    return open_one_store(context)


def open_one_store(context: CommandContext) -> Store:
    """The archive's index, opened for reading, for commands that read one. Errors as in :func:`open_store`."""
    from archive.store import Store  # noqa: PLC0415 - commands without an archive start faster

    return Store.open_for_reading(existing_index(context))


def existing_index(context: CommandContext) -> Path:
    """The path of the archive's index, absolute.

    :raises CommandError: there is no archive
    :raises ArchiveError: there is one, without its index
    """
    return ensure_index(context.archive_root, context.source.describe_root())


def existing_indexes(context: CommandContext) -> dict[str, Path]:
    """The paths of the indexes of all archives, absolute, by the names of the archives. As :func:`existing_index`."""
    if not context.more_roots:
        return {context.archive_root.name: existing_index(context)}
    return {name: ensure_index(root, "--root") for name, root in context.archive_roots.items()}


def ensure_index(root: Path, origin: str) -> Path:
    """The path of an archive's index. As :func:`existing_index`.

    :param origin: what named the root, for a message
    """
    ensure_archive(root, origin)
    path = index_path(root)
    if not _exists(path):
        raise ArchiveError(f"there is no index {path}: finarchive rebuild creates it from the raw pages")
    return path


def existing_root(context: CommandContext) -> Path:
    """The archive's folder, absolute.

    :raises CommandError: it holds no archive
    """
    ensure_archive(context.archive_root, context.source.describe_root())
    return context.archive_root


def ensure_archive(root: Path, origin: str) -> None:
    """Check that a folder holds an archive. As :func:`ensure_index`.

    :raises CommandError: it holds none
    """
    if not _exists(index_path(root)) and not _has_files(journal_path(root)):
        raise CommandError(
            f"there is no archive at {root} (root from {origin}): "
            "finarchive crawl begins one, --root DIR names another"
        )


def _exists(path: Path) -> bool:
    """True if there is such a file, or a link of this name.

    :raises CommandError: the user may not know
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror}): check the rights on its folders") from error
    return True


def _has_files(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CommandError(f"{folder} cannot be read ({error.strerror}): check the rights on it") from error


def cluster_address(context: CommandContext, dsn: str | None) -> str:
    """Return the address of PostgreSQL: the option's, or the configured one.

    :raises CommandError: there is neither
    """
    if dsn:
        return dsn
    configured = context.settings.cluster.dsn
    if configured is None:
        raise CommandError("which cluster? Give --cluster postgresql://host/database, or set cluster.dsn")
    return configured.get_secret_value()


@contextmanager
def extra_needed() -> Iterator[None]:
    """Explain a failed import of the extra ``cluster``.

    :raises MissingExtraError: a module of it is missing
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(f"a cluster needs {error.name}: pip install 'finarchive[cluster]'") from error
