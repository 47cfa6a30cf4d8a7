"""Find and read the configuration file. Without pydantic: commands that need only `archive.root` start faster."""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from config.errors import ConfigError, Mistake
from config.toml_lines import key_lines, line_of

PREFIX = "FINARCHIVE_"  # of all variables
FILE_VARIABLE = "FINARCHIVE_CONFIG"  # names the file
ROOT_VARIABLES = ("FINARCHIVE_ARCHIVE_ROOT", "FINARCHIVE_ARCHIVE__ROOT")  # both spellings of archive.root
LOCAL_NAME = "finarchive.toml"
SYSTEM_FILE = Path("/etc/finarchive/finarchive.toml")
DEFAULT_ROOT = Path("./news")  # in the current directory: no privileges needed, easy to see and to remove


def find(explicit: Path | None, env: Mapping[str, str], cwd: Path, system_file: Path = SYSTEM_FILE) -> Path | None:
    """Return the first file of: -c, $FINARCHIVE_CONFIG, ./finarchive.toml, /etc/finarchive/finarchive.toml.

    :param explicit: the argument of -c
    :param cwd: relative paths start here
    :return: None if there is no file
    :raises ConfigError: the file of -c or $FINARCHIVE_CONFIG does not exist. Without it, the program would run with
        settings that the user did not choose.
    """
    named = [(explicit, "-c")] if explicit is not None else []
    if not named and env.get(FILE_VARIABLE):
        named = [(Path(env[FILE_VARIABLE]), f"${FILE_VARIABLE}")]
    for path, origin in named:
        if not _exists(cwd / path):
            message = f"does not exist, but {origin} names it; correct the name or create the file"
            raise ConfigError([Mistake(str(path), None, "", message)])
        return cwd / path
    return next((path for path in (cwd / LOCAL_NAME, system_file) if _exists(path)), None)


def is_root_named(env: Mapping[str, str]) -> bool:
    """Return True if a variable sets `archive.root`."""
    return any(name in env for name in ROOT_VARIABLES)


def known_root(path: Path | None, env: Mapping[str, str]) -> Path | None:
    """Return `archive.root` if it follows from a file and the environment without checking anything else.

    :param path: None for the built-in settings
    :return: None if only :func:`config.load.load` can say, which reports all mistakes
    :raises ConfigError: the file cannot be read, or is not TOML
    """
    variables = {name for name in env if name.startswith(PREFIX)} - {FILE_VARIABLE}
    named = variables.intersection(ROOT_VARIABLES)
    folder, root = Path(), None
    if len(named) == 1:
        root = env[named.pop()]
    elif variables:  # a setting, or a name with a mistake
        return None
    elif path is None:
        return DEFAULT_ROOT
    else:
        table = parse(read_text(path), str(path)).get("archive")
        folder, root = path.parent, table.get("root") if isinstance(table, dict) else None
    if not isinstance(root, str) or not root.strip() or "\0" in root:
        return None
    return folder / expand_home(root, env)


def root_source(path: Path | None, env: Mapping[str, str]) -> str:
    """Return what sets `archive.root`, for a message: a variable, a line of the file, or the default.

    :raises ConfigError: the file cannot be read
    """
    if variable := next((name for name in ROOT_VARIABLES if name in env), None):
        return variable
    if path is None:
        return "the built-in default"
    text = read_text(path)
    table = parse(text, str(path)).get("archive")
    if not isinstance(table, dict) or "root" not in table:
        return f"the default, beside {path}"
    return f"{path}:{line_of(key_lines(text), ('archive', 'root'))}"


def read_text(path: Path) -> str:
    """Return the text of a configuration file.

    :raises ConfigError: it cannot be read
    """

    def unreadable(line: int | None, message: str) -> ConfigError:
        return ConfigError([Mistake(str(path), line, "", message)])

    try:
        data = path.read_bytes()
    except IsADirectoryError as error:
        raise unreadable(None, "is a directory; name the file inside it") from error
    except FileNotFoundError as error:
        raise unreadable(None, "does not exist; correct the name or create the file") from error
    except PermissionError as error:
        raise unreadable(None, "may not be read; check the rights on it and its folders") from error
    except OSError as error:
        raise unreadable(None, f"cannot be read: {error.strerror or error}") from error
    try:
        return data.decode("utf-8-sig")  # editors on Windows write a byte order mark first
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise unreadable(line, f"is not UTF-8 (byte 0x{data[error.start]:02x}); save it as UTF-8") from error


def parse(text: str, source: str) -> dict[str, Any]:
    """Return the tables of a configuration file.

    :param source: its path, for a message
    :raises ConfigError: it is not TOML
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError([Mistake(source, None, "", "is nested too deeply; no setting needs that")]) from error
    except ValueError as error:  # also for a number too long for Python
        match = re.search(r"\(at line (\d+), column \d+\)", str(error))
        last = text.rstrip("\n").count("\n") + 1
        line = int(match[1]) if match else last if "at end of document" in str(error) else None
        raise ConfigError([Mistake(source, line, "", f"not valid TOML: {error}")]) from error


def feed_names(path: Path | None) -> dict[str, str]:
    """Return the names of the feeds of a file, by id, in its order; nothing is checked.

    :param path: None for the built-in feeds
    :return: id -> its last category, or the id if it has none
    :raises ConfigError: the file cannot be read, or is not TOML
    """
    tables = parse(read_text(path), str(path)).get("feeds") if path else None
    rows = [row for row in tables if isinstance(row, dict)] if isinstance(tables, list) else []
    if not rows or any("extends" in row for row in rows):
        rows += tomllib.loads(builtin_text())["feeds"]
    names: dict[str, str] = {}
    for row in rows:
        if isinstance(row.get("id"), str):
            categories = row.get("categories")
            name = categories[-1] if isinstance(categories, list) and categories else row["id"]
            names.setdefault(row["id"], str(name))
    return names


def expand_home(root: str, env: Mapping[str, str]) -> str:
    """Return a path with the home directory in place of a tilde at its start."""
    first, _, below = root.partition("/")
    if first == "~" and env.get("HOME"):
        return str(Path(env["HOME"], below.lstrip("/")))
    try:
        return str(Path(root).expanduser()) if first.startswith("~") else root
    except RuntimeError:  # no such user: it is a folder whose name starts with a tilde
        return root


def _exists(path: Path) -> bool:
    try:
        return (
            path.exists() or path.is_symlink()
        )  # a dangling link counts as existing, so that reading it reports the mistake
    except OSError:  # it may exist in a folder without permission: reading it raises the error
        return True


def builtin_text() -> str:
    """Return the built-in feeds as tables of a configuration file."""
    return _packaged("feeds.toml")


def sample_text() -> str:
    """Return the configuration file that `finarchive init` writes."""
    return _packaged("sample.toml")


def _packaged(name: str) -> str:
    return resources.files("config").joinpath(name).read_text(encoding="utf-8")
