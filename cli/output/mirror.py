"""Output about mirrors and replicas, of ``follow``, ``verify --against`` and ``status``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from archive.model.secrets import mask_secrets
from cli.output.console import file_size, many, stdout_console, visible
from cli.times import full_time
from config.durations import format_duration

if TYPE_CHECKING:
    from archive.mirror.compare import Comparison
    from pipeline.follow import FollowResult


def show_followed(result: FollowResult, root: Path) -> None:
    """Print what the first update of a process did."""
    copied = f"{file_size(result.size)} copied, {many(result.events, 'event')} replayed"
    at = full_time(datetime.fromisoformat(result.at))
    stdout_console().print(visible(f"{root}: up to date with the mirror of {at}; {copied}"))


def show_comparison(comparison: Comparison) -> None:
    """Print what an archive and a mirror have in common, and the first difference."""
    console = stdout_console()
    at = full_time(datetime.fromisoformat(comparison.at))
    equal = f"{many(comparison.days, 'root')} and {many(comparison.files, 'file')} of raw pages are equal"
    console.print(visible(f"{comparison.place}, as of {at}: {equal}"))
    if comparison.behind:
        console.print(f"The mirror has {file_size(comparison.behind)} more, which this archive does not have yet.")
    if comparison.ahead:
        console.print(f"This archive has {file_size(comparison.ahead)} more, which is not copied yet.")
    console.print(
        visible(f"DIFFERENT: {comparison.difference}" if comparison.difference else "There is no difference.")
    )


def show_mirror(console: Console, mirror: Mapping[str, Any] | None, replica: Mapping[str, Any] | None) -> None:
    """Print how the mirror is doing, and what the archive is a replica of."""
    if replica:
        at = f"as of {full_time(datetime.fromisoformat(replica['at']))}" if replica["at"] else "not complete yet"
        console.print(Text(f"replica of {replica['place']}, {at}"))
    if mirror is None:
        return
    age = f"the oldest raw pages have waited for {format_duration(timedelta(seconds=mirror['age']))}"
    if mirror["error"]:
        since = full_time(mirror["failing_since"]) if mirror["failing_since"] else "the start"
        text = f"mirror {mirror['place']}: failing since {since}: {mask_secrets(mirror['error'])}; {age}"
        console.print(Text(text, style="red"))
    elif mirror["age"]:
        console.print(Text(f"mirror {mirror['place']}: {age}", style="yellow"))
    else:
        console.print(Text(f"mirror {mirror['place']}: everything is copied"))
