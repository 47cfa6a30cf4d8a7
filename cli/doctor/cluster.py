"""The check of a cluster."""

from __future__ import annotations

from archive.model.errors import MissingExtraError
from cli.doctor.check import Check
from cli.options import extra_needed
from cluster.errors import ClusterError
from config.model import Settings
from scheduler.exits import Exit


def check_cluster(settings: Settings, *, offline: bool) -> list[Check]:
    """Check that PostgreSQL answers and knows the cluster; nothing if none is configured."""
    if settings.cluster.dsn is None:
        return []
    if offline:
        return [Check("cluster", True, "PostgreSQL was not asked: --offline")]
    try:
        with extra_needed():
            from cluster.status import cluster_status  # noqa: PLC0415 - an extra

        status = cluster_status(settings.cluster.dsn.get_secret_value())
    except (ClusterError, MissingExtraError) as error:
        return [Check("cluster", False, str(error), Exit.USAGE)]
    alive = sum(fetcher.is_alive for fetcher in status.fetchers)
    leader = f"{status.leader} leads" if status.leader else "no keeper leads now"
    if not alive:
        return [Check("cluster", False, f"{leader}, and no fetcher runs: start finarchive fetcher")]
    return [Check("cluster", True, f"{leader}; fetchers: {alive}")]
