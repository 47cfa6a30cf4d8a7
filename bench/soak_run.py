"""A running soak: the mock site, the daemon and the events, by an accelerated clock."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from msgspec import Struct, field

from bench.soak_daemon import DAEMON_TIMEOUT_SECONDS, POLL_INTERVAL_SECONDS, SupervisedDaemon
from bench.soak_schedule import BEGIN, FAULTS, LISTS, MINUTE, Day, Event, make_day
from bench.soak_verify import DeepVerifier
from mocksite.server import MockSite

REPOSITORY = Path(__file__).parents[1]
DISK_MEGABYTES = 64  # the archive of a soak takes some 25 MB
SETTLE_TIMEOUT_SECONDS = 90.0  # for the last articles and gaps; some hours of the mock site's clock
NETWORK_TIMEOUT_SECONDS = 2.0  # connections use the system's clock; five minutes of the mock site's


class SoakRecord(Struct):
    """The results of a soak, besides the archive."""

    requests: int = 0
    status: dict[str, Any] = field(default_factory=dict)  # the document of `status --json` at the end
    settled: bool = False  # every feed was ok and nothing was pending at the end
    last_exit: int | None = None  # of the daemon at SIGTERM
    disk: bool = True  # whether it has its own disk to fill


class Soak:
    """Runs a day in ``folder``.

    :param report: called with one line for each event
    """

    def __init__(self, day: Day, folder: Path, report: Callable[[str], None]) -> None:
        self.day = day
        self.folder = folder
        self._report = report
        self.root = folder / "disk" / "news"
        self.stories = make_day(day)
        self.record = SoakRecord()
        self._began = time.time()
        self._jump = folder / "jump"
        self._ballast = folder / "disk" / "ballast"
        self.daemon: SupervisedDaemon
        self.verifier: DeepVerifier

    # Start and end

    def __enter__(self) -> Self:
        self._ballast.parent.mkdir(parents=True)
        mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(self._ballast.parent)]
        mounted = subprocess.run(mount, capture_output=True, check=False)
        self.record.disk = mounted.returncode == 0
        self._jump.write_text("0")
        self._mocksite = MockSite(self.stories, self.now).__enter__()
        self._site = self._mocksite.site
        self._address = self._mocksite.url
        self.configure()
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "daemon"):
            self.daemon.kill()
        self._mocksite.__exit__()
        if self.record.disk:
            subprocess.run(["/bin/umount", self._ballast.parent], check=True)

    def now(self) -> int:
        """The mock site's clock, in Unix seconds."""
        return int(BEGIN + (time.time() - self._began) * self.day.speed)

    def configure(self, lost: str = "", more: str = "", min_interval: str = "1m") -> None:
        """Write the configuration, with the default politeness by the mock site's clock.

        :param lost: a further feed, as TOML
        :param more: further lines of [network]
        :param min_interval: schedule.min
        """
        feeds = "".join(
            f'[[feeds]]\nid = "feed{lid}"\nkind = "roll"\nlid = {lid}\ncategories = ["金融", "栏目{lid}"]\n'
            # The last list has another host name, so the daemon sees two hosts.
            f'endpoint = "{self._address.replace("127.0.0.1", "localhost" if lid == 1690 else "127.0.0.1")}'
            '/api/roll/get"\n'
            for lid in LISTS
        )
        new_file = self.folder / "finarchive.new"
        new_file.write_text(
            f'[archive]\nroot = "disk/news"\nmin_free = 0\n[network]\ndelay = {1 / self.day.speed:.5f}\n'
            f"timeout = {NETWORK_TIMEOUT_SECONDS}\nallow_private = true\n{more}"
            f'[schedule]\nmin = "{min_interval}"\npages = 2\n{feeds}{lost}',
            encoding="utf-8",
        )
        new_file.rename(self.folder / "finarchive.toml")

    def command(self, *arguments: str) -> list[str]:
        """A ``finarchive`` command with the soak's clock."""
        clock = [str(self.day.speed), str(self._began), str(BEGIN), str(self._jump)]
        return [sys.executable, "-m", "bench.fast_clock", *clock, *arguments]

    def run(self) -> SoakRecord:
        """Run the day and return the results."""
        self._began = time.time()
        self.daemon = SupervisedDaemon(
            self.command("run"), self.folder, self._env(), self.folder / "log", self._report
        )
        verify = self.command("verify", "--deep", "--json")
        self.verifier = DeepVerifier(self.root, self.folder, verify, self._env())
        for event in self.day.events:
            self._watch(BEGIN + event.at * MINUTE)
            self._apply(event)
            if event.what in ("kill", "mend") or event.what.endswith("-again"):
                self.verifier.begin(f"{event.what} at minute {event.at:.0f}", self.daemon.process.pid)
        self._watch(BEGIN + self.day.minutes * MINUTE)
        self._settle()
        self.record.last_exit = self.daemon.stop()
        self.verifier.finish()
        self.record.requests += len(self._mocksite.hits)
        return self.record

    def _env(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")}
        return inherited | {"PYTHONPATH": str(REPOSITORY)}

    def _watch(self, until: float) -> None:
        """Supervise the daemon until a time of the mock site's clock (Unix seconds)."""
        while self.now() < until:
            self.daemon.check()
            time.sleep(min(POLL_INTERVAL_SECONDS, max((until - self.now()) / self.day.speed, 0.01)))

    # Events

    def _apply(self, event: Event) -> None:
        clock = time.strftime("%H:%M", time.gmtime(self.now() + 8 * 3600))
        self._report(f"{clock} {event.what} {event.name}")
        getattr(self, f"on_{event.what.replace('-', '_')}")(event.name)

    def on_fault(self, name: str) -> None:
        """Begin a fault of the mock site."""
        fault, match, more = FAULTS[name]
        self._mocksite.fault(fault, match=match, **more)

    def on_mend(self, _: str) -> None:
        """End all faults."""
        self._mocksite.clear_faults()

    def on_kill(self, _: str) -> None:
        """Kill the daemon; it is restarted."""
        self.daemon.kill()
        self.daemon.start()

    def on_port(self, _: str) -> None:
        """Stop the site: connections are refused."""
        self.record.requests += len(self._mocksite.hits)
        self._mocksite.__exit__()

    def on_port_again(self, _: str) -> None:
        """Start the site again."""
        port = int(self._address.rpartition(":")[2])
        self._mocksite = MockSite([], port=port).__enter__()
        self._mocksite.site = self._site

    def on_disk(self, _: str) -> None:
        """Fill the disk."""
        if not self.record.disk:
            self._report("skipped: only root may mount a disk to fill")
            return
        try:
            with self._ballast.open("wb", buffering=0) as ballast:
                while True:
                    ballast.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def on_disk_again(self, _: str) -> None:
        """Free the disk."""
        self._ballast.unlink(missing_ok=True)

    def on_clock(self, seconds: str) -> None:
        """Set the machine's clock forward or back by a number of seconds."""
        new_file = self._jump.with_suffix(".new")
        new_file.write_text(str(int(seconds)))
        new_file.rename(self._jump)

    def on_clock_again(self, _: str) -> None:
        """Set the clock to the right time."""
        self.on_clock("0")

    def on_list(self, _: str) -> None:
        """Make a list show old articles only."""
        lid = str(next(iter(LISTS)))
        self._site.rolls[lid] = self._site.roll({"lid": lid, "num": "50"})

    def on_list_again(self, _: str) -> None:
        """Make the list normal again."""
        self._site.rolls.clear()

    def on_name(self, _: str) -> None:
        """Add a feed whose host has no address."""
        self.configure(
            '[[feeds]]\nid = "lost"\nkind = "roll"\ncategories = ["金融"]\nlid = 9\n'
            'endpoint = "http://no-such-host.invalid/api/roll/get"\n'
        )
        self.daemon.reload()

    def on_name_again(self, _: str) -> None:
        """Remove that feed."""
        self.configure()
        self.daemon.reload()

    def on_reload(self, kind: str) -> None:
        """Send SIGHUP with another configuration: a valid one, one with mistakes, or one that needs a restart."""
        if kind == "good":
            self.configure(more=f'user_agent = "soak {self.now()}"\n')
        elif kind == "bad":
            self.configure(min_interval="soon")
        else:
            self.configure()
            new_file = self.folder / "finarchive.toml"
            new_file.write_text(new_file.read_text().replace("disk/news", "elsewhere"))
        self.daemon.reload()
        if kind != "good":
            time.sleep(POLL_INTERVAL_SECONDS)  # the daemon has read it by then; its next start needs a valid one
            self.configure()

    # The end

    def _settle(self) -> None:
        """Release pending articles until only deleted ones are pending, then read the status."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_SECONDS
        while time.monotonic() < deadline and not self.record.settled:
            self._run_command("retry", "--json")
            self._watch(self.now() + 15 * MINUTE)
            self.record.status = self._run_command("status", "--json")
            feeds_ok = all(feed["state"] == "ok" for feed in self.record.status["feeds"])
            self.record.settled = feeds_ok and not self.record.status["gaps"] and self._nothing_pending()

    def _nothing_pending(self) -> bool:
        gone = {story.docid for story in self.stories if story.deleted_at}
        return {docid for (docid,) in rows(self.root, "SELECT docid FROM entries WHERE status = 'pending'")} <= gone

    def _run_command(self, *arguments: str) -> Any:
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self._env(), capture_output=True, check=False,
            timeout=DAEMON_TIMEOUT_SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()[-1000:]}")
        return json.loads(done.stdout)


def rows(root: Path, query: str) -> list[tuple[Any, ...]]:
    """Query an archive's index while the daemon runs."""
    with closing(sqlite3.connect(f"{root / '.finarchive' / 'index.db'}")) as index:
        return index.execute(query).fetchall()
