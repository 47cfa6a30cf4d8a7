"""What a parser process does: it receives tasks over a socket, and sends their results."""

from __future__ import annotations

import logging
import logging.handlers
import os
import queue
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Any

from msgspec import Struct, field

from crawler.parsing import limits

CHUNK = 64  # results that are sent together: a parent that is busy takes milliseconds to receive each message


class Task(Struct, frozen=True):
    """A call of a generator function; see :meth:`~crawler.parsing.pool.ParserPool.run`."""

    function: Callable[..., Iterator[Any]]
    skip: int
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    chunk: int  # results to send together


class Answer(Struct):
    """Some results of a task."""

    results: list[Any] = field(default_factory=list)
    logs: list[logging.LogRecord] = field(default_factory=list)  # what was logged meanwhile
    error: Exception | None = None  # the task raised it
    is_last: bool = False


def main(descriptor: int, cpu_seconds: float, memory_bytes: int) -> None:
    """Run tasks until the other end of the socket is closed."""
    limits.apply(memory_bytes)
    connection: Connection[Answer, Task] = Connection(descriptor)
    logs: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    # This handler makes records fit to be sent.
    logging.getLogger().addHandler(logging.handlers.QueueHandler(logs))
    try:
        while True:
            for answer in _answers(connection.recv(), cpu_seconds):
                while not logs.empty():
                    answer.logs.append(logs.get())
                connection.send(answer)
    except (EOFError, ConnectionError):  # the parent has no more work, or has died
        pass
    except MemoryError:
        os._exit(limits.OUT_OF_MEMORY_STATUS)


def _answers(task: Task, cpu_seconds: float) -> Iterator[Answer]:
    answer, results = Answer(), task.function(task.skip, *task.args, **task.kwargs)
    while not answer.is_last:
        # Not while an answer is sent: the parent may be slow to take it.
        with limits.clock(cpu_seconds):
            try:
                answer.results.append(next(results))
            except StopIteration:
                answer.is_last = True
            except MemoryError:
                raise
            except Exception as error:
                answer.error, answer.is_last = error, True
        if answer.is_last or len(answer.results) >= task.chunk:
            yield answer
            answer = Answer(is_last=answer.is_last)
