"""Changes the configuration file of a command: whole and valid, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from archive.files.output import open_output
from cli.context import CommandContext, CommandError, cannot_write
from cli.settings import load_settings
from config.errors import ConfigError
from config.files import SYSTEM_FILE

CONFIG_NAME = "finarchive.toml"  # is written in the current directory if there is no configuration file


def change_config(context: CommandContext, edit: Callable[[str], str]) -> Path:
    """Change the configuration file, if it is valid afterwards; return its path.

    :param edit: returns the new text of the file
    :raises CommandError: it cannot be changed; it is as before
    """
    # A service without a configuration file reads the one of the system as soon as there is one.
    path = context.source.path or (SYSTEM_FILE if context.source.unit else Path(CONFIG_NAME))
    if context.source.path and not path.is_file():
        raise CommandError(f"{path} is no regular file, so it cannot be changed")
    data = path.read_bytes() if context.source.path else b""
    text = data.decode("utf-8-sig")  # it was loaded before, so it can be read
    try:
        changed = edit(text)
    except ValueError as error:  # tomlkit refuses what tomllib accepts
        raise CommandError(f"{path} was not changed: {error}; change it with an editor") from error
    if "\r\n" in text:
        changed = changed.replace("\r\n", "\n").replace("\n", "\r\n")
    _check(context, changed, path)
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    write_output(path, mark + changed.encode(), replace=context.source.path is not None)
    return path


def write_output(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write a file that the user names, whole or not at all.

    :param replace: False to refuse a file that exists
    :raises CommandError: it cannot be written
    """
    try:
        with open_output(path, replace=replace) as output:
            output.write(data)
    except OSError as error:
        raise cannot_write(path, error) from error


def _check(context: CommandContext, text: str, path: Path) -> None:
    """Check that a configuration is valid.

    :raises CommandError: it is not
    """
    try:
        load_settings(replace(context.source, path=path), text=text)
    except ConfigError as error:
        reason = "; ".join(f"{each.key}: {each.message}".lstrip(": ") for each in error.mistakes)
        raise CommandError(f"{path} was not changed, because it would not be valid: {reason}") from error
