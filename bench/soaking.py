"""A soak under way: the replica, the daemon and what happens to them, by a clock that runs ahead."""

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.keeping import LOOK, PATIENCE, Kept
from bench.weather import BEGIN, FAULTS, LISTS, MINUTE, Day, Event, make_day
from mocksite.server import MockSite

REPOSITORY = Path(__file__).parents[1]
DISK = 64  # MB: the archive of a soak takes some 25
MAX_CALM = 90.0  # seconds for the last articles and gaps: some of replica's hours
TIMEOUT = 2.0  # seconds of the system's clock, by which connections go: five minutes of the replica's


@dataclass(slots=True)
class Record:
    """What a soak leaves behind besides the archive."""

    requests: int = 0
    status: dict[str, Any] = field(default_factory=dict)  # of `status --json` at the end
    calm: bool = False  # everything was well at the end
    last_exit: int | None = None  # of the daemon at SIGTERM
    disk: bool = True  # whether it had a disk of its own, to be filled


class Soak:
    """A day, run in ``folder``.

    :param tell: told what happens
    """

    def __init__(self, day: Day, folder: Path, tell: Callable[[str], None]) -> None:
        self.day, self.folder, self._tell = day, folder, tell
        self.root = folder / "disk" / "news"
        self.stories = make_day(day)
        self.record = Record()
        self._began = time.time()
        self._ports = 0
        self._variant = ""
        self._jump = folder / "jump"
        self._ballast = folder / "disk" / "ballast"
        self.daemon: Kept

    # Begin and end

    def __enter__(self) -> Self:
        self._ballast.parent.mkdir(parents=True)
        mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(self._ballast.parent)]
        mounted = subprocess.run(mount, capture_output=True, check=False)
        self.record.disk = mounted.returncode == 0
        self._jump.write_text("0")
        self._mocksite = MockSite(self.stories, self.now).__enter__()
        self._site, self._address = self._mocksite.site, self._mocksite.url
        self.configure()
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "daemon"):
            self.daemon.kill()
        self._mocksite.__exit__()
        if self.record.disk:
            subprocess.run(["/bin/umount", self._ballast.parent], check=True)

    def now(self) -> int:
        """The replica's clock, Unix seconds."""
        return int(BEGIN + (time.time() - self._began) * self.day.speed)

    def configure(self, lost: str = "", more: str = "", least: str = "1m") -> None:
        """Write the configuration: the default politeness, measured by the replica's clock."""
        feeds = "".join(
            f'[[feeds]]\nid = "feed{lid}"\nkind = "roll"\nlid = {lid}\ncategories = ["金融", "栏目{lid}"]\n'
            # The last is read under another name: for the daemon that is another host.
            f'endpoint = "{self._address.replace("127.0.0.1", "localhost" if lid == 1690 else "127.0.0.1")}'
            '/api/roll/get"\n'
            for lid in LISTS
        )
        written = self.folder / "finarchive.new"
        written.write_text(
            f'[archive]\nroot = "disk/news"\n[network]\ndelay = {1 / self.day.speed:.5f}\ntimeout = {TIMEOUT}\n'
            f'allow_private = true\n{more}[schedule]\nmin = "{least}"\npages = 2\n{feeds}{lost}',
            encoding="utf-8",
        )
        written.rename(self.folder / "finarchive.toml")

    def command(self, *arguments: str) -> list[str]:
        """``finarchive`` by the soak's clock."""
        clock = [str(self.day.speed), str(self._began), str(BEGIN), str(self._jump)]
        return [sys.executable, "-m", "bench.racing", *clock, *arguments]

    def run(self) -> Record:
        """All of it."""
        self._began = time.time()
        self.daemon = Kept(self.command("run"), self.folder, self._env(), self.folder / "log", self._tell)
        for event in self.day.events:
            self._watch(BEGIN + event.at * MINUTE)
            self._happen(event)
        self._watch(BEGIN + self.day.minutes * MINUTE)
        self._come_to_rest()
        self.record.last_exit = self.daemon.stop()
        self.record.requests += len(self._mocksite.hits)
        return self.record

    def _env(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")}
        return kept | {"PYTHONPATH": str(REPOSITORY)}

    def _watch(self, until: float) -> None:
        """Look after the daemon until then, by the replica's clock."""
        while self.now() < until:
            self.daemon.fetch()
            time.sleep(min(LOOK, max((until - self.now()) / self.day.speed, 0.01)))

    # What happens

    def _happen(self, event: Event) -> None:
        clock = time.strftime("%H:%M", time.gmtime(self.now() + 8 * 3600))
        self._tell(f"{clock} {event.what} {event.name}")
        getattr(self, f"on_{event.what.replace('-', '_')}")(event.name)

    def on_fault(self, name: str) -> None:
        """Answers are spoilt."""
        fault, match, more = FAULTS[name]
        self._mocksite.fault(fault, match=match, **more)

    def on_mend(self, _: str) -> None:
        """They are so no longer."""
        self._mocksite.mend()

    def on_kill(self, _: str) -> None:
        """The daemon dies, and is started again."""
        self.daemon.kill()
        self.daemon.start()

    def on_port(self, _: str) -> None:
        """The site is closed: connections are refused."""
        self.record.requests += len(self._mocksite.hits)
        self._mocksite.__exit__()

    def on_port_again(self, _: str) -> None:
        """It is open."""
        port = int(self._address.rpartition(":")[2])
        self._mocksite = MockSite([], port=port).__enter__()
        self._mocksite.site = self._site

    def on_disk(self, _: str) -> None:
        """The disk has no room left."""
        if not self.record.disk:
            self._tell("skipped: only root may mount a disk to fill")
            return
        try:
            with self._ballast.open("wb", buffering=0) as ballast:
                while True:
                    ballast.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def on_disk_again(self, _: str) -> None:
        """It has."""
        self._ballast.unlink(missing_ok=True)

    def on_clock(self, seconds: str) -> None:
        """The machine's clock is set."""
        written = self._jump.with_suffix(".new")
        written.write_text(str(int(seconds)))
        written.rename(self._jump)

    def on_clock_again(self, _: str) -> None:
        """It is set right."""
        self.on_clock("0")

    def on_list(self, _: str) -> None:
        """A list answers, and shows nothing but old articles."""
        lid = str(next(iter(LISTS)))
        self._site.rolls[lid] = self._site.roll({"lid": lid, "num": "50"})

    def on_list_again(self, _: str) -> None:
        """It is itself again."""
        self._site.rolls.clear()

    def on_name(self, _: str) -> None:
        """A feed is added whose host has no address."""
        self.configure(
            '[[feeds]]\nid = "lost"\nkind = "roll"\ncategories = ["金融"]\nlid = 9\n'
            'endpoint = "http://no-such-host.invalid/api/roll/get"\n'
        )
        self.daemon.hang_up()

    def on_name_again(self, _: str) -> None:
        """It is taken out."""
        self.configure()
        self.daemon.hang_up()

    def on_reload(self, kind: str) -> None:
        """SIGHUP, with another configuration: a good one, one with mistakes, or one that needs a restart."""
        if kind == "good":
            self.configure(more=f'user_agent = "soak {self.now()}"\n')
        elif kind == "bad":
            self.configure(least="soon")
        else:
            self.configure()
            written = self.folder / "finarchive.toml"
            written.write_text(written.read_text().replace("disk/news", "elsewhere"))
        self.daemon.hang_up()
        if kind != "good":
            time.sleep(LOOK)  # it is read by then; a daemon that is started next must find a good one
            self.configure()

    # The end

    def _come_to_rest(self) -> None:
        """Release what waits for tomorrow, until nothing waits but what is gone; then ask how all is doing."""
        deadline = time.monotonic() + MAX_CALM
        while time.monotonic() < deadline and not self.record.calm:
            self._ask("retry", "--json")
            self._watch(self.now() + 15 * MINUTE)
            self.record.status = self._ask("status", "--json")
            feeds_well = all(feed["state"] == "ok" for feed in self.record.status["feeds"])
            self.record.calm = feeds_well and not self.record.status["gaps"] and self._nothing_waits()

    def _nothing_waits(self) -> bool:
        gone = {story.docid for story in self.stories if story.deleted_at}
        return {docid for (docid,) in rows(self.root, "SELECT docid FROM entries WHERE status = 'pending'")} <= gone

    def _ask(self, *arguments: str) -> Any:
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self._env(), capture_output=True, check=False,
            timeout=PATIENCE,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()[-1000:]}")
        return json.loads(done.stdout)


def rows(root: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask an archive's index, beside the daemon."""
    with closing(sqlite3.connect(f"{root / '.finarchive' / 'index.db'}")) as index:
        return index.execute(query).fetchall()
