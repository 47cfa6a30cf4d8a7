"""``finarchive serve``: how it begins, what it refuses, how it ends, and what it works beside."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.listening import inherited_socket, listen
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.cli.test_main import assert_refused
from tests.conftest import NEWEST, Home, Outcome
from tests.support.daemon import Running
from tests.support.web_server import TIMEOUT_SECONDS, Serving, docids

pytestmark = pytest.mark.slow


@pytest.fixture
def archived(home: Home, mocksite: MockSite) -> Home:
    """A folder with an archive of twelve articles."""
    home.configure(mocksite.endpoint)
    assert home.run("crawl", "--json").json["archived"] == 12
    return home


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_stops_on_request(archived: Home, number: signal.Signals, status: int) -> None:
    with Serving(archived) as serving:
        assert serving.get("/").status_code == 200  # and the connection stays open
        serving.process.send_signal(number)
        assert serving.process.wait(TIMEOUT_SECONDS) == status
    assert "Traceback" not in "".join(serving.log)


def test_it_listens_only_on_loopback_and_prints_its_address(archived: Home) -> None:
    with Serving(archived) as serving:
        assert serving.log == [f"Serving {archived.root} at {serving.address}/ until Ctrl-C\n"]
        table = Path(f"/proc/{serving.process.pid}/net/tcp").read_text()
        port = int(serving.address.rpartition(":")[2])
        listening = [line.split()[1] for line in table.splitlines()[1:] if line.split()[3] == "0A"]
        assert [each for each in listening if each.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_no_page_waits_until_the_browser_has_acknowledged_its_beginning() -> None:
    async def without_delay() -> int:
        taken: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        with listen(0) as listening:
            where = listening.getsockname()
            server = await asyncio.start_server(lambda _, writer: taken.put_nowait(writer), sock=listening)
            async with server:
                _, browser = await asyncio.open_connection(*where)
                server_side = await taken.get()
                connection = server_side.get_extra_info("socket")
                found: int = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                for each in (browser, server_side):
                    each.close()
                    await each.wait_closed()
                return found

    assert asyncio.run(without_delay())


def test_a_port_that_is_taken_is_refused(archived: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        outcome = archived.run("serve", "--port", str(port))
        assert_refused(outcome, 2, f"cannot listen on 127.0.0.1:{port}: another program does", "--port")
        assert_refused(archived.run("serve", FINARCHIVE_SERVE_PORT=str(port)), 2, f"127.0.0.1:{port}")


def test_an_index_that_is_no_database_is_refused(archived: Home) -> None:
    (archived.root / ".finarchive" / "index.db").write_bytes(b"rubbish" * 1000)
    assert_refused(archived.run("serve", "--port", "0"), 4, "index.db is damaged")


@pytest.mark.slow
def test_it_shows_what_the_daemon_archives_meanwhile(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more='[schedule]\nmin = "1s"\nevery = "1s"\nmax = "2s"\n')
    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
        with Serving(home) as serving:
            assert len(docids(serving.page("/"))) == 12
            fresh = make_stories(1, newest=NEWEST + 100, seed=9)[0]
            mocksite.site.add(fresh)
            mocksite.clock = fresh.intime
            daemon.wait_for(f"archived .*{fresh.docid}")
            assert docids(serving.page("/"))[0] == fresh.docid
            assert daemon.stop() == 0  # readers do not prevent it from stopping
            assert docids(serving.page("/"))[0] == fresh.docid


def test_an_index_that_was_put_in_the_place_of_another_is_read(archived: Home) -> None:
    with Serving(archived) as serving:
        assert len(docids(serving.page("/"))) == 12
        inode = (archived.root / ".finarchive" / "index.db").stat().st_ino
        shutil.rmtree(archived.root / ".finarchive" / "history", ignore_errors=True)
        archived.execute("DELETE FROM searchable WHERE docid = 'nreplica0000003'")
        assert archived.run("rebuild").status == 0
        assert (archived.root / ".finarchive" / "index.db").stat().st_ino != inode
        for _ in range(6):  # more than there are threads that read
            assert len(docids(serving.page("/"))) == 12
        assert serving.get("/index.json?sql=select+count(*)+from+searchable&_shape=arrays").json()["rows"] == [[12]]


def test_an_index_that_is_gone_is_reported_and_read_again_when_it_is_back(archived: Home) -> None:
    index = archived.root / ".finarchive" / "index.db"
    with Serving(archived) as serving:
        index.rename(index.with_name("aside"))
        response = serving.get("/")
        assert response.status_code == 503
        assert "No such file" in response.text
        index.with_name("aside").rename(index)
        assert len(docids(serving.page("/"))) == 12


def test_an_archive_in_a_folder_with_any_name_is_served(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    home.env["FINARCHIVE_ARCHIVE_ROOT"] = "what? 100%#1/新 闻"
    assert home.run("crawl", "--json").json["archived"] == 12

    with Serving(home) as serving:
        assert len(docids(serving.page("/"))) == 12
        assert serving.get("/index/revisions.json").status_code == 200


@pytest.fixture
def read_only(archived: Home) -> Iterator[Home]:
    """The archive on a read-only disk."""
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("a disk that takes no writes needs root")
    made = subprocess.run(["mount", "--bind", archived.root, archived.root], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"nothing can be mounted here: {made.stderr.decode().strip()}")
    subprocess.run(["mount", "-o", "remount,bind,ro", archived.root], check=True)
    yield archived
    subprocess.run(["umount", archived.root], check=True)


def test_an_archive_that_takes_no_writes_is_served(read_only: Home) -> None:
    with pytest.raises(OSError, match="Read-only"):
        (read_only.root / "x").touch()
    with Serving(read_only) as serving:
        assert len(docids(serving.page("/"))) == 12
        assert serving.get("/feeds").status_code == 200
        assert serving.get("/index/revisions.csv").status_code == 200


def test_no_other_command_loads_a_server_or_what_only_exports_need(archived: Home) -> None:
    code = (
        "import sys; from cli.main import cli\n"
        "for arguments in (['--help'], ['serve', '--help'], ['status']):\n"
        "    try: cli.main(arguments, standalone_mode=False)\n"
        "    except SystemExit: pass\n"
        "print(sorted({'datasette', 'uvicorn', 'jinja2', 'httpx', 'pandas', 'numpy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=archived.folder, env=archived.env | {"PYTHONPATH": str(Path.cwd())},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.splitlines()[-1] == "[]"


def test_other_plugins_of_datasette_are_not_loaded(archived: Home, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    (installed / "other-1.dist-info").mkdir(parents=True)
    (installed / "other-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    (installed / "other-1.dist-info" / "entry_points.txt").write_text("[datasette]\nother = other\n")
    (installed / "other.py").write_text(
        "import pathlib\n"
        "from datasette import hookimpl, Response\n"
        "pathlib.Path(__file__).with_name('loaded').touch()\n"
        "@hookimpl\n"
        "def register_routes():\n"
        "    return [(r'^/other$', lambda: Response.text('other'))]\n"
    )
    with Serving(archived, PYTHONPATH=str(installed)) as serving:
        assert serving.get("/other").status_code == 404
    assert (installed / "loaded").exists()  # it was there to be found


def test_requests_are_logged_on_request(archived: Home) -> None:
    archived.command = lambda *arguments: [sys.executable, "-m", "cli", "-v", *arguments]  # type: ignore[method-assign]
    with Serving(archived) as serving:
        serving.page("/search?q=a")
    assert any(re.search(r'"GET /search\?q=a HTTP/1.1" 200', line) for line in serving.log), serving.log


# A socket that a service manager hands over

LAUNCHER = """
import os, socket, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()) if sys.argv[2] == "own" else sys.argv[2], LISTEN_FDS=sys.argv[3])
os.execv(sys.argv[4], sys.argv[4:])
"""


def launch(home: Home, listening: socket.socket, pid: str = "own", number: str = "1") -> subprocess.Popen[str]:
    """Start ``finarchive serve`` as systemd does."""
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(listening.fileno()), pid, number, *home.command("serve")],
        cwd=home.folder, env=home.env | {"PYTHONUNBUFFERED": "1", "FINARCHIVE_SERVE_PORT": "0"},
        pass_fds=[listening.fileno()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_it_serves_on_the_socket_that_it_is_given(archived: Home, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        process = launch(archived, listening)
        with process, httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            port = listening.getsockname()[1]
            # The connection waits in the socket until the server accepts it.
            assert len(docids(client.get(f"http://127.0.0.1:{port}/").text)) == 12
            process.terminate()
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        assert (process.returncode, out) == (0, f"Serving {archived.root} at http://127.0.0.1:{port}/ until Ctrl-C\n")
        assert "Traceback" not in err


def test_it_serves_on_a_unix_socket(archived: Home, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        process = launch(archived, listening)
        transport = httpx.HTTPTransport(uds=str(path))
        with process, httpx.Client(transport=transport, timeout=TIMEOUT_SECONDS) as client:
            assert len(docids(client.get("http://localhost/").text)) == 12
            process.terminate()
            assert f"at unix:{path} until" in process.communicate(timeout=TIMEOUT_SECONDS)[0]


def open_socket() -> socket.socket:
    return socket.create_server(("0.0.0.0", 0))  # noqa: S104


def datagram_socket() -> socket.socket:
    made = socket.socket(type=socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


@pytest.mark.parametrize(
    ("make", "number", "words"),
    [
        (open_socket, "1", ("the socket listens on http://0.0.0.0:", "has no passwords", "127.0.0.1:8001")),
        (datagram_socket, "1", ("does not listen", "ListenStream=")),
        (lambda: socket.create_server(("127.0.0.1", 0)), "2", ("handed over 2 sockets, and the reader takes one",)),
        (lambda: socket.create_server(("127.0.0.1", 0)), "", ("handed over no sockets",)),
    ],
    ids=["open", "datagram", "two", "none"],
)
def test_a_socket_that_is_not_fit_is_refused(
    home: Home, make: Callable[[], socket.socket], number: str, words: tuple[str, ...]
) -> None:
    with make() as listening, launch(home, listening, number=number) as process:
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    assert_refused(Outcome(process.returncode, out, err), 2, *words)


def test_what_was_meant_for_another_process_is_not_taken(archived: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, launch(archived, listening, pid="1") as process:
        assert process.stdout
        line = process.stdout.readline()
        process.terminate()
        assert re.fullmatch(r"Serving .* at http://127\.0\.0\.1:\d+/ until Ctrl-C\n", line)
        assert f":{listening.getsockname()[1]}/" not in line


def test_children_do_not_get_the_variables() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "x", "HOME": "/"}
    assert inherited_socket(environ) is None
    assert environ == {"HOME": "/"}
