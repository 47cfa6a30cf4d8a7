"""The manual page, finarchive(1), made of the text of ``--help`` and of docs/commands.md. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

_EXAMPLE = re.compile(r"^Example: ", re.MULTILINE)
_STATUS = re.compile(r"^\| (\d+) \| (.*) \|$", re.MULTILINE)
_FILES = {
    "./finarchive.toml, /etc/finarchive/finarchive.toml": (
        "The configuration, unless -c or FINARCHIVE_CONFIG names another file; finarchive help configuration"
    ),
    "./news": "The archive, unless archive.root names another folder.",
}
_ENVIRONMENT = {
    "FINARCHIVE_CONFIG": "The configuration file.",
    "FINARCHIVE_<SECTION>_<KEY>": "A setting, such as FINARCHIVE_ARCHIVE_ROOT. It overrides the configuration file.",
}


def man_page(group: click.Group, version: str, commands_page: str) -> str:
    """Return the manual page in the format of man(7).

    :param group: the command line
    :param commands_page: docs/commands.md, whose table has the exit statuses
    """
    context = click.Context(group, info_name="finarchive")
    summary = cleandoc(group.help or "").partition("\n")[0].rstrip(".")
    lines = [f'.TH FINARCHIVE 1 "" "finarchive {_text(version)}"', ".SH NAME"]
    lines += [f"finarchive \\- {_text(summary)}"]
    lines += [".SH SYNOPSIS", ".B finarchive", _text("[OPTIONS] COMMAND [ARGS]...")]
    lines += [".SH DESCRIPTION", *_paragraphs(group.help or "")]
    lines += [".SH OPTIONS", *_options(group, context), ".SH COMMANDS"]
    for name in group.list_commands(context):
        if (command := group.get_command(context, name)) is not None and not command.hidden:
            lines += _command(name, command, context)
    statuses = dict(_STATUS.findall(commands_page))
    lines += [".SH EXIT STATUS", *_terms(statuses), ".SH FILES", *_terms(_FILES)]
    lines += [".SH ENVIRONMENT", *_terms(_ENVIRONMENT)]
    lines += [".SH SEE ALSO", _text("finarchive help lists the pages of the documentation.")]
    return "\n".join(lines) + "\n"


def _command(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    """Yield the part of a command, and those of its own commands."""
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    yield f".SS {_text(usage)}"
    yield from _paragraphs(command.help or "")
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            if (subcommand := command.get_command(context, each)) is not None:
                yield from _command(each, subcommand, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = [each for each in command.params if isinstance(each, click.Option)]  # without --help
    records = [record for each in options if (record := each.get_help_record(context)) is not None]
    yield from _terms(dict(records))


def _terms(entries: dict[str, str]) -> Iterator[str]:
    for term, meaning in entries.items():
        yield from (".TP", f".B {_text(term)}", _text(meaning))


def _paragraphs(text: str) -> Iterator[str]:
    """Yield paragraphs. One that begins with a backspace keeps its lines, as click has it."""
    for number, paragraph in enumerate(cleandoc(text).split("\n\n")):
        if number:
            yield ".PP"
        if paragraph.startswith("\b\n"):
            yield from (".nf", *map(_text, paragraph.splitlines()[1:]), ".fi")
        else:
            yield _text(_EXAMPLE.sub("For example: ", " ".join(paragraph.split())))


def _text(text: str) -> str:
    """Return text in which troff finds no command."""
    escaped = text.replace("\\", "\\(rs").replace("-", "\\-")
    return "\\&" + escaped if escaped.startswith((".", "'")) else escaped
