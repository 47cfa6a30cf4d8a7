"""The state of a cluster, for people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cli.output.console import TableColumn, file_size, many, print_prose, print_table, stdout_console, visible
from config.durations import format_duration

if TYPE_CHECKING:
    from cluster.status import ClusterStatus, HostStatus

_MAX_HOSTS = 20  # rows of the table; more would hide the fetchers
_FETCHER_COLUMNS = [
    TableColumn("fetcher"),
    TableColumn("version", optional=1),
    TableColumn("hosts", is_number=True),
    TableColumn("sent", is_number=True),
    TableColumn("seen"),
]
_HOST_COLUMNS = [
    TableColumn("host"),
    TableColumn("queued", is_number=True),
    TableColumn("sent", is_number=True),
    TableColumn("done", is_number=True),
    TableColumn("state", wraps=True),
]


def show_cluster(status: ClusterStatus) -> None:
    """Print the state of a cluster."""
    console = stdout_console()
    leader = status.leader or (f"nobody (last: {status.last_leader})" if status.last_leader else "nobody yet")
    print_prose(console, visible(f"Leader: {leader}, epoch {status.epoch}"))
    oldest = f", the oldest for {_age(status.oldest)}" if status.oldest is not None else ""
    print_prose(console, f"Requests: {status.queued} wait for a fetcher{oldest}")
    paused = "; fetchers pause until it has taken some" if status.is_paused else ""
    size, limit = file_size(status.waiting_bytes), file_size(status.max_waiting)
    print_prose(console, f"Responses: {status.waiting} wait for the leader, {size} of at most {limit}{paused}")
    alive = [fetcher for fetcher in status.fetchers if fetcher.is_alive]
    print_prose(console, f"Fetchers: {many(len(alive), 'fetcher')}")
    if status.fetchers:
        console.print()
        rows = [
            [visible(each.name), visible(each.version), str(each.hosts), str(each.requests), f"{_age(each.seen)} ago"]
            for each in status.fetchers
        ]
        print_table(console, _FETCHER_COLUMNS, rows)
    if status.hosts:
        console.print()
        rows = [
            [visible(each.host), str(each.queued), str(each.sent), str(each.done), visible(_state(each))]
            for each in status.hosts[:_MAX_HOSTS]
        ]
        print_table(console, _HOST_COLUMNS, rows)
    if len(status.hosts) > _MAX_HOSTS:
        console.print(f"… and {len(status.hosts) - _MAX_HOSTS} more")


def _state(host: HostStatus) -> str:
    if host.backed_off:
        return f"backed off for {_age(host.backed_off)}: {host.reason}"
    return "being fetched" if host.is_owned else ""


def _age(seconds: float) -> str:
    return format_duration(timedelta(seconds=max(round(seconds), 0)))
