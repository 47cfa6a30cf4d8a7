"""A PostgreSQL for these tests, and the processes of a cluster."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.many_hosts import Site
from tests.support.postgres import Postgres, running_postgres

pytest.importorskip("procrastinate", reason="the extra cluster is not installed")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="finarchive-postgres-"))
    folder.chmod(0o755)  # the user of PostgreSQL is another one
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        with running_postgres(folder / "server", port) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Cluster:
    """An archive with its configuration, and the processes of its cluster.

    :param dsn: address of an empty database
    """

    def __init__(self, folder: Path, dsn: str, site: Site, *, delay: float = 0.0) -> None:
        self.folder = folder
        self.root = folder / "news"
        self.dsn = dsn
        self.env = processes.base_environment()
        self.processes: list[subprocess.Popen[str]] = []
        self.configure(site, delay)

    def configure(self, site: Site, delay: float, *, is_alone: bool = False, more: str = "") -> None:
        """Write the configuration.

        :param is_alone: without the cluster
        :param more: tables
        """
        cluster = "" if is_alone else f'[cluster]\ndsn = "{self.dsn}"\n'
        (self.folder / "finarchive.toml").write_text(
            f'[archive]\nroot = "news"\nimages = true\n{cluster}'
            f"[network]\nallow_private = true\ndelay = {delay}\ntimeout = 10.0\nconcurrency = 1\n"
            f'[[feeds]]\nid = "site"\nkind = "rss"\ncategories = ["新闻"]\nendpoint = "{site.list_address}"\n{more}',
            encoding="utf-8",
        )

    def run(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run ``finarchive`` to its end."""
        return processes.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``finarchive``; it is killed after the test."""
        return self._start(arguments[0], "-m", "cli", *arguments)

    def start_code(self, code: str) -> subprocess.Popen[str]:
        """Start Python with this code; it is killed after the test."""
        return self._start("code", "-c", code)

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        with (self.folder / f"{name}-{len(self.processes)}.log").open("w") as log:
            process = processes.popen(
                [sys.executable, *arguments],
                cwd=self.folder, env=self.env, text=True, stdout=log, stderr=log,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def start_fetcher(self, hosts: int = 64) -> subprocess.Popen[str]:
        """Start a fetcher."""
        return self.start("fetcher", "--cluster", self.dsn, "--hosts", str(hosts))

    def files(self) -> dict[str, bytes]:
        """The articles' files: path -> content."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*.md"))
            if ".finarchive" not in path.parts
        }

    def images(self) -> dict[str, bytes]:
        """The stored images: path -> content."""
        folder = self.root / ".finarchive" / "images"
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def logs(self) -> str:
        """What the processes have printed."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def kill_all(self) -> None:
        """Kill the processes that still run."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


@pytest.fixture
def clusters(tmp_path: Path) -> Iterator[list[Cluster]]:
    """The clusters of a test; their processes are killed after it."""
    made: list[Cluster] = []
    yield made
    for cluster in made:
        cluster.kill_all()


@pytest.fixture
def new_cluster(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres, clusters: list[Cluster]):  # type: ignore[no-untyped-def]
    """Return a function that makes a cluster for a site."""

    def make(site: Site, *, delay: float = 0.0) -> Cluster:
        folder = tmp_path / f"cluster{len(clusters)}"
        folder.mkdir()
        worker = getattr(request.config, "workerinput", {"workerid": "main"})["workerid"]
        cluster = Cluster(folder, postgres.new_database(f"test_{worker}_{len(clusters)}"), site, delay=delay)
        clusters.append(cluster)
        done = cluster.run("cluster", "init")
        assert done.returncode == 0, done.stderr
        return cluster

    return make
