"""Logging: where log lines go, which ones are written, and how a record becomes lines.

Our own lines are written ``logger.info("archived feed=%s ms=%d", ...)``: an event, then fields. Text from a site
cannot begin a line: control characters are escaped, and the lines of a traceback are indented.
"""

from __future__ import annotations

import json as json_library
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from archive.model.secrets import mask_secrets

LOGGER_NAME = "finarchive"  # the logger of this program's own lines
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%z"  # local time with its offset: people compare it with their watch

_STDERR = 2  # file descriptor
_LEVELS = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}
# Characters that end a line or steer a terminal. All others stay, in any language.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# One conversion of a format string, after the field's name if it has one.
_CONVERSION = re.compile(r"(?:([A-Za-z]\w*)=)?%[-#0 +]*\d*(?:\.\d+)?([a-zA-Z%])")
_RESERVED = ("time", "level", "logger", "event", "message", "exception")
# syslog(3): err, warning, info, debug. An ERROR needs a person. CRITICAL maps to err too: it is no emergency of the
# machine.
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY = 7


def set_up(verbosity: int, *, json: bool = False) -> None:
    """Log to stderr. Lines begin with a time, or, if stderr is the systemd journal, with a priority.

    :param verbosity: -1 errors only; 0 also what was deferred; 1 also each event; 2 also the libraries' lines
    :param json: write one JSON object for each line
    """
    journal = is_journal(os.environ, _STDERR)
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(LineFormatter(as_json if json else bare if journal else stamped, priorities=journal))
    # Set globally: Scrapy sets the levels of its own loggers and of the root logger. Disabled lines cost nothing.
    logging.disable(_LEVELS[verbosity] - 1)
    if verbosity < 2:  # our own lines report what Scrapy and Twisted would log
        handler.addFilter(_is_ours)
    logging.basicConfig(level=logging.DEBUG, handlers=[handler], force=True)


def is_journal(environ: Mapping[str, str], descriptor: int) -> bool:
    """True if the open file is the systemd journal, whose device and inode ``JOURNAL_STREAM`` names.

    The variable alone proves nothing: a child process whose stderr goes elsewhere inherits it.
    """
    try:
        status = os.fstat(descriptor)
    except OSError:  # closed
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class LineFormatter(logging.Formatter):
    """Formats a record with one of this module's functions, and can put a priority before each line."""

    def __init__(self, write: Callable[[logging.LogRecord], str], *, priorities: bool) -> None:
        """Create a formatter.

        :param write: :func:`stamped`, :func:`bare` or :func:`as_json`
        :param priorities: put ``<N>`` before each line, which systemd reads from a service's stderr
        """
        super().__init__()
        self._write = write
        self._priorities = priorities

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines, without the last line break."""
        text = self._write(record)
        if not self._priorities:
            return text
        prefix = f"<{priority(record.levelno)}>"
        # The journal makes an entry of each line, so each line of a traceback needs the priority.
        return "\n".join(prefix + line for line in text.split("\n"))


def priority(level: int) -> int:
    """The syslog priority of a ``logging`` level."""
    return next((number for minimum, number in _PRIORITIES if level >= minimum), _DEBUG_PRIORITY)


def stamped(record: logging.LogRecord) -> str:
    """A line with time and level: ``2026-11-23T15:24:57+0000 INFO archived feed=macro docid=...``."""
    at = datetime.fromtimestamp(record.created, UTC).astimezone().strftime(TIME_FORMAT)
    return f"{at} {record.levelname} {bare(record)}"


def bare(record: logging.LogRecord) -> str:
    """A line without time and level, which the journal stores itself."""
    return "\n".join([_escaped(_message(record)), *(f"  {_escaped(line)}" for line in _traceback(record))])


def as_json(record: logging.LogRecord) -> str:
    """One JSON object: time (ISO 8601, UTC), level, message; for our own lines also the event and typed fields."""
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
    }
    if record.name == LOGGER_NAME:
        line |= {"event": event(record), "message": _message(record)}
        line |= {name: value for name, value in fields(record) if name not in _RESERVED}
    else:
        line |= {"logger": record.name, "message": _message(record)}
    if traceback := _traceback(record):
        line["exception"] = "\n".join(traceback)
    # JSON does not escape all of these: U+2028 ends a line for many programs, and C1 characters steer terminals.
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", json_library.dumps(line, ensure_ascii=False))


def event(record: logging.LogRecord) -> str:
    """The event: the first word of one of our lines."""
    return record.getMessage().partition(" ")[0]


def fields(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """Names and values of the fields of one of our lines: numbers, booleans and None as such, all else as text."""
    if not isinstance(record.args, tuple) or not isinstance(record.msg, str):
        return
    arguments = iter(record.args)
    for match in _CONVERSION.finditer(record.msg):
        name, conversion = match.groups()
        if conversion == "%":
            continue
        value = next(arguments, None)
        if name:
            yield name, value if _has_json(value) else mask_secrets(str(value))


def _has_json(value: object) -> bool:
    """True if JSON has this value; it has no infinity and no NaN."""
    return value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and abs(value) < 1e300)


def _is_ours(record: logging.LogRecord) -> bool:
    # asyncio logs exceptions that nothing awaited: those are bugs of ours.
    return record.name == LOGGER_NAME or (record.name == "asyncio" and record.levelno >= logging.ERROR)


def _traceback(record: logging.LogRecord) -> list[str]:
    text = ""
    if record.exc_info:
        text = logging.Formatter().formatException(record.exc_info)
    if record.stack_info:
        text += f"\n{record.stack_info}"
    return mask_secrets(text).strip("\n").split("\n") if text else []


def _message(record: logging.LogRecord) -> str:
    """The message without the secrets of addresses: libraries log those that they are given (D180)."""
    return mask_secrets(record.getMessage())


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class _Stderr:
    """The current ``sys.stderr``: a progress bar replaces it while it is shown, and lines must go above the bar."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()
