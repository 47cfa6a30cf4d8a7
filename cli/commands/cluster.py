"""``finarchive cluster``."""

from __future__ import annotations

import click

from archive.records import as_dict
from cli.context import CommandContext
from cli.options import SubcommandGroup, cluster_address, cluster_option, extra_needed, json_option, print_json
from cli.output.cluster import show_cluster
from cli.output.console import stdout_console
from cli.output.mirror import show_mirror
from scheduler.exits import Exit
from scheduler.monitoring.reports import plain, report_mirror, report_replica


@click.group("cluster", cls=SubcommandGroup)
def cluster_command() -> None:
    """Set up a cluster of fetchers on PostgreSQL, or show its state.

    Example: finarchive cluster status
    """


@cluster_command.command("init")
@cluster_option
@click.option("--no-roles", is_flag=True, help="Do not create the roles finarchive_keeper and finarchive_fetcher.")
@click.pass_obj
def init_command(context: CommandContext, dsn: str | None, no_roles: bool) -> None:
    """Create the schema "finarchive" in a database of PostgreSQL, and the roles of keeper and fetchers.

    Does nothing where they exist. Run it as a role that may create schemas and roles.

    Example: finarchive cluster init --cluster postgresql://postgres@db.example/finarchive
    """
    with extra_needed():
        from cluster.schema import create  # noqa: PLC0415 - an extra

    is_new = create(cluster_address(context, dsn), roles=not no_roles)
    context.say("Created the schema finarchive." if is_new else "The schema finarchive exists, and is current.")
    if not no_roles:
        context.say(
            "Grant its roles to the users of PostgreSQL:\n"
            "  GRANT finarchive_keeper TO <user of the daemon>;\n"
            "  GRANT finarchive_fetcher TO <user of the fetchers>;"
        )


@cluster_command.command("status")
@cluster_option
@json_option
@click.pass_obj
def status_command(context: CommandContext, dsn: str | None, as_json: bool) -> Exit:
    """Show who leads, the fetchers, what waits for each host, and the age of this machine's mirror or replica.

    Ends with 4 if requests wait and no fetcher is there, or responses wait and no keeper leads.

    Example: finarchive cluster status --json
    """
    with extra_needed():
        from cluster.status import cluster_status  # noqa: PLC0415 - an extra

    status = cluster_status(cluster_address(context, dsn))
    # With --cluster, this machine need not have a configuration.
    mirror = None if dsn else report_mirror(context.settings, context.now())
    replica = None if dsn else report_replica(context.settings)
    if as_json:
        print_json(as_dict(status) | {"mirror": mirror and plain(mirror), "replica": replica})
    else:
        show_cluster(status)
        show_mirror(stdout_console(), mirror, replica)
    has_problems = status.is_paused or (status.queued and not any(each.is_alive for each in status.fetchers))
    return Exit.PROBLEMS if has_problems or (status.waiting and status.leader is None) else Exit.DONE
