"""Log records as lines: for people, for the journal, for programs. Pure.

Our own lines are written ``logger.info("archived feed=%s ms=%d", ...)``: an event, then fields. Nothing that a site
said can begin a line of its own: control characters are escaped, and the lines of a traceback are indented.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

OURS = "finarchive"  # the logger of this program's own lines
TIME = "%Y-%m-%dT%H:%M:%S%z"  # local, with its offset: people compare it with their watch

# What ends a line or steers a terminal. Titles keep all else, whatever the language.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# One conversion of a format string, after the field's name if it has one.
_CONVERSION = re.compile(r"(?:([A-Za-z]\w*)=)?%[-#0 +]*\d*(?:\.\d+)?([a-zA-Z%])")
_RESERVED = ("time", "level", "logger", "event", "message", "exception")
# syslog(3): err, warning, info, debug. An ERROR needs a person; what is critical here is no emergency of the machine.
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


class Lines(logging.Formatter):
    """Writes a record with one of the functions of this module, each line after its priority if that is asked for."""

    def __init__(self, write: Callable[[logging.LogRecord], str], *, priorities: bool) -> None:
        """:param priorities: put ``<N>`` before each line, as systemd reads it from a service's stderr"""
        super().__init__()
        self._write = write
        self._priorities = priorities

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines, without the last line break."""
        text = self._write(record)
        if not self._priorities:
            return text
        prefix = f"<{priority(record.levelno)}>"
        # The journal makes an entry of each line: those of a traceback must have its priority too.
        return "\n".join(prefix + line for line in text.split("\n"))


def priority(level: int) -> int:
    """The syslog priority of a level of ``logging``."""
    return next((number for least, number in _PRIORITIES if level >= least), _DEBUG)


def stamped(record: logging.LogRecord) -> str:
    """With time and level: ``2026-11-23T15:24:57+0000 INFO archived feed=macro docid=...``."""
    at = datetime.fromtimestamp(record.created, UTC).astimezone().strftime(TIME)
    return f"{at} {record.levelname} {bare(record)}"


def bare(record: logging.LogRecord) -> str:
    """Without them: the journal has both."""
    return "\n".join([_escaped(record.getMessage()), *(f"  {_escaped(line)}" for line in _traceback(record))])


def as_json(record: logging.LogRecord) -> str:
    """One JSON object: time (ISO 8601, UTC), level, message, and of our own lines the event and its fields, typed."""
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
    }
    if record.name == OURS:
        line |= {"event": event(record), "message": record.getMessage()}
        line |= {name: value for name, value in fields(record) if name not in _RESERVED}
    else:
        line |= {"logger": record.name, "message": record.getMessage()}
    if traceback := _traceback(record):
        line["exception"] = "\n".join(traceback)
    # JSON leaves some of them as they are: U+2028 ends a line for many programs, and C1 steers terminals.
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(line, ensure_ascii=False))


def event(record: logging.LogRecord) -> str:
    """The first word of a line of ours: what happened."""
    return record.getMessage().partition(" ")[0]


def fields(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """Names and values of the fields of a line of ours; numbers, truth values and None as such, all else as text."""
    if not isinstance(record.args, tuple) or not isinstance(record.msg, str):
        return
    arguments = iter(record.args)
    for match in _CONVERSION.finditer(record.msg):
        name, conversion = match.groups()
        if conversion == "%":
            continue
        value = next(arguments, None)
        if name:
            # A float that is no number has no JSON.
            plain = (
                value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and abs(value) < 1e300)
            )
            yield name, value if plain else str(value)


def _traceback(record: logging.LogRecord) -> list[str]:
    text = ""
    if record.exc_info:
        text = logging.Formatter().formatException(record.exc_info)
    if record.stack_info:
        text += f"\n{record.stack_info}"
    return text.strip("\n").split("\n") if text else []


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
