"""Line numbers of the keys in a TOML text, for messages. tomllib does not provide them. Pure.

The text must be one that tomllib accepts. For other texts the lines may be wrong, but nothing is raised.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping

KeyPath = tuple[str | int, ...]  # ("network", "delay"), or ("feeds", 1, "lid") in the second [[feeds]]

_STRING = r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\''''
_TOKEN = re.compile(rf"{_STRING}|#[^\n]*|[\[{{]|[\]}}]|\n|[^\"'#\[\]{{}}\n]+|.", re.DOTALL)
_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_STATEMENT = re.compile(rf"[ \t]*(\[\[|\[)?[ \t]*({_KEY}(?:[ \t]*\.[ \t]*{_KEY})*)[ \t]*[=\]]")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, of every table and key, except keys inside inline tables and arrays.

    The line of an array of tables is that of its first [[header]]; each element has the line of its own header.
    """
    lines: dict[KeyPath, int] = {}
    elements: dict[KeyPath, int] = {}  # number of [[headers]] of each array of tables so far
    table: KeyPath = ()
    for line, statement in _statements(text):
        match = _STATEMENT.match(statement)
        if match is None:
            continue  # blank, or a comment
        bracket, written = match.groups()
        names = tuple(_unquoted(key) for key in re.findall(_KEY, written))
        if bracket:
            table = _header(names, bracket == "[[", elements)
        path = table if bracket else table + names
        for end in range(1, len(path) + 1):  # `a.b.c = 1` is also the line of a.b, unless that has one
            lines.setdefault(path[:end], line)
    return lines


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """Return the line of `path`, or of the nearest table around it that has one; None if none has."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement (a header, a key with its whole value, a blank line or comment) with its first line."""
    line, start, depth = 1, 0, 0
    for token in _TOKEN.finditer(text + "\n"):
        kind = token.group()
        if kind in "[{":
            depth += 1
        elif kind in "]}":
            depth -= 1
        elif kind == "\n" and depth <= 0:
            statement = text[start : token.start()]
            yield line, statement
            line, start, depth = line + statement.count("\n") + 1, token.end(), 0


def _header(names: tuple[str, ...], is_array: bool, elements: dict[KeyPath, int]) -> KeyPath:
    """Return the path of a header, with the index of the current element after each array of tables."""
    path: KeyPath = ()
    for depth, name in enumerate(names, start=1):
        path += (name,)
        if is_array and depth == len(names):
            elements[path] = elements.get(path, 0) + 1
        if path in elements:
            path += (elements[path] - 1,)
    return path


def _unquoted(key: str) -> str:
    if not key.startswith(('"', "'")):
        return key
    try:
        (value,) = tomllib.loads(f"key = {key}").values()
    except tomllib.TOMLDecodeError:  # a text that tomllib does not accept
        return key[1:-1]
    return str(value)
