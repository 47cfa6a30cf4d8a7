"""Measure how a cluster scales: articles a second with 1, 2 and 4 fetchers, and what PostgreSQL costs an article.

40 hosts of loopback answer after 0.2 s and are asked again 0.2 s later, so that all processes wait most of the time.
Each fetcher has ten hosts at a time. The figures in docs/cluster.md come from this module.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.many_hosts import Site, running_site
from tests.support.postgres import Postgres, running_postgres

HOSTS, HOSTS_AT_A_TIME = 40, 10
LATENCY = DELAY = 0.2
PORT = 54_399


def finarchive(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start finarchive in a folder."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            cwd=folder, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        )  # fmt: skip


def postgres_cpu(server: Postgres) -> float:
    """Return the seconds of CPU that all processes of a server have used, those that have ended included."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for process in server.process_ids():
        fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
        total += sum(map(int, fields[11:15])) / ticks  # user and system, and those of ended children
    return total


def measure(server: Postgres, site: Site, fetchers: int) -> None:
    """Crawl the site into a new archive, and print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder, dsn = Path(name), server.new_database("bench")
        (folder / "finarchive.toml").write_text(
            f'[archive]\nroot = "news"\n[cluster]\ndsn = "{dsn}"\n'
            f"[network]\nallow_private = true\ndelay = {DELAY}\n"
            f'[[feeds]]\nid = "site"\nkind = "rss"\ncategories = ["新闻"]\nendpoint = "{site.list_address}"\n',
            encoding="utf-8",
        )
        if finarchive(folder, "cluster", "init").wait():
            raise SystemExit((folder / "log").read_text())
        site.visits.clear()
        running = [
            finarchive(folder, "fetcher", "--cluster", dsn, "--hosts", str(HOSTS_AT_A_TIME)) for _ in range(fetchers)
        ]
        time.sleep(3)  # until all of them have begun
        cpu = postgres_cpu(server)
        if finarchive(folder, "-q", "crawl").wait():
            raise SystemExit((folder / "log").read_text())
        cpu = postgres_cpu(server) - cpu
        for process in running:
            process.terminate()
            process.wait()
    times = sorted(visit.began for visits in site.visits.values() for visit in visits if visit.path.startswith("/a/"))
    # Without the first and last tenth, in which some hosts have not begun or are done.
    middle = times[len(times) // 10 : -len(times) // 10]
    rate = len(middle) / (middle[-1] - middle[0])
    print(
        f"{fetchers} fetchers: {rate:6.1f} articles/s, {rate / fetchers:5.1f} for each; "
        f"PostgreSQL {1000 * cpu / len(times):.1f} ms CPU an article; {len(times)} requests for {site.articles}",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=2400)
    parser.add_argument("--fetchers", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    with running_postgres(folder / "server", PORT) as server, running_site(HOSTS, options.articles, LATENCY) as site:
        for fetchers in options.fetchers:
            measure(server, site, fetchers)


if __name__ == "__main__":
    main()
