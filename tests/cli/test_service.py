"""The systemd units: their texts, their installation, and finarchive running under them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePath

import pytest

from cli import systemd_units as units
from cli.commands.service import service_command
from config.model import Settings
from scheduler.exits import Exit
from tests.conftest import Home
from tests.support.systemd_container import boot

REPOSITORY = Path(__file__).parents[2]
TEMPLATES = {name: (REPOSITORY / "config" / name).read_text(encoding="utf-8") for name in units.NAMES}
TEMPLATE, READER, SOCKET = TEMPLATES.values()
PROGRAM = PurePath("/opt/finarchive/bin/finarchive")
MAX_EXPOSURE = 1.5  # of 10, as systemd-analyze counts it

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")


def setting(text: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


@needs_systemd
def test_the_units_are_such_that_systemd_understands(tmp_path: Path) -> None:
    """As installed, with a program that is there: any other complaint is one of the units' own."""
    for name, template in TEMPLATES.items():
        (tmp_path / name).write_text(units.fill(template, PurePath("/bin/true"), None))

    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(tmp_path.iterdir())], capture_output=True, text=True, check=False
    )

    assert (done.returncode, [line for line in done.stderr.splitlines() if "finarchive" in line]) == (0, [])


@needs_systemd
@pytest.mark.parametrize("name", [name for name in units.NAMES if name.endswith(".service")])
def test_the_units_leave_little_open(name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={MAX_EXPOSURE * 10:.0f}",
         REPOSITORY / "config" / name],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(rf"exposure level for {re.escape(name)}: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= MAX_EXPOSURE, done.stdout


def test_the_reader_has_no_network_and_writes_nothing() -> None:
    assert setting(READER, "PrivateNetwork") == ["yes"]
    assert setting(READER, "ProtectSystem") == ["strict"]
    assert setting(READER, "ReadWritePaths") == setting(READER, "StateDirectory") == []
    assert setting(READER, "Environment") == setting(TEMPLATE, "Environment")[:1]
    assert setting(SOCKET, "ListenStream") == [f"127.0.0.1:{Settings().serve.port}"]


def test_only_what_a_restart_cannot_mend_keeps_it_down() -> None:
    (statuses,) = setting(TEMPLATE, "RestartPreventExitStatus")
    assert {int(status) for status in statuses.split()} == {Exit.USAGE}
    assert setting(TEMPLATE, "StartLimitIntervalSec") == ["0"]


def test_what_the_units_folders_hide_is_known() -> None:
    for name in ("ProtectHome", "PrivateTmp"):
        assert setting(TEMPLATE, name) == ["yes"]
    assert setting(TEMPLATE, "User") == [units.USER]
    assert units.archive_root(TEMPLATE) == "/var/lib/" + setting(TEMPLATE, "StateDirectory")[0]


@pytest.mark.parametrize(
    ("path", "folder"),
    [("/home/me/venv/bin/finarchive", "/home"), ("/root/.pyenv/bin/python", "/root"), ("/run/user/1/x", "/run/user"),
     ("/opt/finarchive", None), ("/homes/x", None), ("/srv/home/x", None)],
)  # fmt: skip
def test_folders_that_the_service_cannot_see_are_known(path: str, folder: str | None) -> None:
    assert units.hidden(PurePath(path)) == (PurePath(folder) if folder else None)


def test_the_program_and_its_configuration_are_in_the_command_line() -> None:
    assert setting(units.fill(TEMPLATE, PROGRAM, None), "ExecStart") == [f"{PROGRAM} run"]
    assert setting(units.fill(READER, PROGRAM, None), "ExecStart") == [f"{PROGRAM} serve"]
    assert units.fill(SOCKET, PROGRAM, None).partition("\n")[2] == SOCKET
    text = units.fill(TEMPLATE, PROGRAM, PurePath('/etc/my "own" $1 100%/é.toml'))
    assert setting(text, "ExecStart") == [f'{PROGRAM} -c "/etc/my \\"own\\" $$1 100%%/é.toml" run']


def test_a_unit_that_was_edited_is_distinguished_from_one_that_was_not() -> None:
    text = units.fill(TEMPLATE, PROGRAM, None)
    assert units.is_untouched(text)
    for other in (TEMPLATE, "", text.replace("Nice=5", "Nice=6"), text + "\n", text.partition("\n")[2]):
        assert not units.is_untouched(other)
    for template in TEMPLATES.values():
        assert units.is_untouched(units.fill(template, PROGRAM, None))
    older = units.fill("[Service]\nExecStart=x\n", PROGRAM, None)  # of some other version
    assert units.is_untouched(older)


def test_every_command_of_the_group_has_an_example_and_is_documented() -> None:
    text = (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8")
    for name, command in service_command.commands.items():
        assert f"Example: finarchive service {name}" in (command.help or "")
        assert f"finarchive service {name}" in text
        for parameter in command.params:
            assert all(option in text for option in parameter.opts)


def test_print_shows_the_unit_of_this_installation(home: Home) -> None:
    home.configure("http://127.0.0.1:9/")

    outcome = home.run("-c", "finarchive.toml", "service", "print")

    assert outcome.status == 0, outcome.err
    program = Path(sys.executable).parent / "finarchive"
    assert setting(outcome.out, "ExecStart") == [f"{program} -c {home.config} run"]
    assert units.is_untouched(outcome.out)
    reader = home.run("-c", "finarchive.toml", "service", "print", "finarchive-serve.service")
    assert setting(reader.out, "ExecStart") == [f"{program} -c {home.config} serve"]
    assert home.run("service", "print", "other.service").status == 2


def test_install_to_a_folder_writes_the_units_and_nothing_else(home: Home) -> None:
    package = home.folder / "package" / "systemd"

    wrote = home.run("service", "install", "--to", str(package)).out
    assert wrote == "".join(f"Wrote {package / name}\n" for name in units.NAMES)
    assert {path.name for path in package.iterdir()} == set(units.NAMES)
    for path in package.iterdir():
        assert path.stat().st_mode & 0o777 == 0o644
        assert path.read_text() == home.run("service", "print", path.name).out
    assert home.run("service", "install", "--to", str(package)).status == 0  # written by us, so it is replaced


def test_the_settings_in_the_environment_of_a_unit_are_read() -> None:
    drop_ins = [
        "[Service]\nEnvironment=FINARCHIVE_ARCHIVE_ROOT=/srv/news LANG=C\n",
        '# x\nEnvironment="FINARCHIVE_NETWORK_USER_AGENT=a b" \\\n  FINARCHIVE_NETWORK_DELAY=2\n',
        "Environment='FINARCHIVE_BROKEN=1\n",
        "Environment=FINARCHIVE_ARCHIVE_ROOT=/srv/50%%\n",
    ]
    assert units.service_environment([TEMPLATE, *drop_ins]) == {
        "FINARCHIVE_ARCHIVE_ROOT": "/srv/50%",
        "FINARCHIVE_NETWORK_USER_AGENT": "a b",
        "FINARCHIVE_NETWORK_DELAY": "2",
    }
    assert units.service_environment([TEMPLATE, "Environment=\n"]) == {}


def test_the_configuration_of_a_unit_is_read() -> None:
    config = PurePath('/etc/my "own" $1 100%/é.toml')
    assert units.service_config([TEMPLATE]) is None
    assert units.service_config([units.fill(TEMPLATE, PROGRAM, config)]) == str(config)
    drop_in = "[Service]\nExecStart=\nExecStart=/bin/finarchive --config /srv/a.toml run\n"
    assert units.service_config([units.fill(TEMPLATE, PROGRAM, config), drop_in]) == "/srv/a.toml"


@pytest.mark.parametrize("name", units.NAMES)
def test_an_edited_unit_is_not_overwritten_without_force(home: Home, name: str) -> None:
    path = home.folder / name
    path.write_text("[Service]\nExecStart=/bin/mine\n")

    outcome = home.run("service", "install", "--to", str(home.folder))

    assert (outcome.status, path.read_text()) == (2, "[Service]\nExecStart=/bin/mine\n")
    assert [each for each in units.NAMES if (home.folder / each).exists()] == [name], "none is written"
    assert "was edited, or is not ours: --force drops it" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert home.run("service", "install", "--to", str(home.folder), "--force").status == 0
    assert units.is_untouched(path.read_text())


def test_a_unit_behind_a_link_is_replaced_where_it_is_and_a_masked_one_is_refused(home: Home, tmp_path: Path) -> None:
    package, real = tmp_path / "package", tmp_path / "real"
    for folder in (package, real):
        folder.mkdir()
    (package / units.NAME).symlink_to(real / "unit")
    assert home.run("service", "install", "--to", str(package)).status == 0
    assert (package / units.NAME).is_symlink()
    assert units.is_untouched((real / "unit").read_text(encoding="utf-8"))

    (package / units.NAME).unlink()
    (package / units.NAME).symlink_to("/dev/null")
    outcome = home.run("service", "install", "--to", str(package), "--force")
    assert (outcome.status, "systemctl unmask" in outcome.err) == (2, True)


def test_a_folder_that_cannot_be_written_is_refused(home: Home) -> None:
    outcome = home.run("service", "install", "--to", "/proc/units")
    assert outcome.status == 2
    assert outcome.err.startswith("finarchive: /proc/units/finarchive.service cannot be written: ")


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs this machine")
def test_without_systemd_nothing_is_installed(home: Home) -> None:
    for command in ("install", "uninstall"):
        outcome = home.run("service", command)
        assert outcome.status == 2
        assert outcome.err.startswith("finarchive: systemd does not run this machine")
    assert not Path("/etc/systemd/system", units.NAME).exists()


# --- Under a real systemd

# https://news.test with its own name server, a configuration that reads it, and functions to wait and to check.
SITE = """
finarchive=/opt/finarchive/bin/finarchive
mkdir -p /srv/site /etc/finarchive
(
    cd /opt/finarchive/source
    exec /opt/finarchive/bin/python -m tests.support.https_site /srv/site >/outside/site.log 2>&1
) &
waits() { for _ in $(seq 300); do if "$@"; then return; fi; sleep 0.1; done; journalctl --no-pager -n 100; false; }
refused() { if "$@" 2>/tmp/refusal; then false; else test $? = 2; fi; cat /tmp/refusal; }
filed() { test "$(find /var/lib/finarchive -name '*.md' | wc -l)" = 20; }
shows() { test "$(systemctl show --value -p "$1" finarchive)" = "$2"; }
said() { journalctl --sync; journalctl --no-pager -o cat -u finarchive | grep -q -e "$1"; }
waits test -e /srv/site/ready
cat /srv/site/cert.pem >>/etc/ssl/certs/ca-certificates.crt
echo nameserver 127.0.0.1 >/etc/resolv.conf
cat >/etc/finarchive/finarchive.toml <<END
[network]
delay = 0
allow_private = true
[[feeds]]
id = "china"
kind = "roll"
categories = ["金融", "新浪财经", "国内"]
endpoint = "https://news.test/api/roll/get"
lid = 1686
END
"""

CRAWL = """
$finarchive service install
mkdir /etc/systemd/system/finarchive.service.d
cat >/etc/systemd/system/finarchive.service.d/crawl.conf <<END
[Service]
Type=oneshot
Restart=no
WatchdogSec=0
ExecStart=
ExecStart=$finarchive crawl
END
systemctl daemon-reload
systemctl start finarchive
filed
said '^archived feed=china docid=nreplica0000003 revision=1'
journalctl -o export -u finarchive | grep -a -q '^PRIORITY=6'
"""

INSTALL = """
# Not by anyone, not from a home, not with a configuration that has mistakes.
refused setpriv --reuid=nobody --clear-groups $finarchive service install | grep 'sudo /opt/finarchive/bin/finarchive'
mkdir /home/finarchive
cp -a /opt/finarchive/{bin,lib,pyvenv.cfg} /home/finarchive
refused /home/finarchive/bin/python -m cli service install | grep 'may not look into /home'
echo 'sped = 2' >/srv/wrong.toml
refused $finarchive -c /srv/wrong.toml service install | grep 'wrong.toml:1: sped'
refused $finarchive service uninstall | grep 'not installed'
test ! -e /etc/systemd/system/finarchive.service
"""

DAEMON = """
printf '[health]\\nport = 8321\\n' >>/etc/finarchive/finarchive.toml
$finarchive service install
systemctl enable --now finarchive
waits filed
shows ActiveState active

# Its user's commands reach it through its socket; every user may read. Both find its archive.
as() { setpriv --reuid="$1" --regid="$(id -g "$1")" --clear-groups "${@:2}"; }
as finarchive $finarchive crawl --json | grep '"archived": 0'
as nobody $finarchive status --json | grep '"articles": 20'
test "$(as nobody find /var/lib/finarchive -name '*.md' -readable | wc -l)" = 20
page='import urllib.request as u; print(u.urlopen("http://127.0.0.1:8321/metrics").read().decode())'
/opt/finarchive/bin/python -c "$page" >/tmp/metrics
grep finarchive_ /tmp/metrics

# Reload: the same process goes on, also when the new configuration is no good.
pid=$(systemctl show --value -p MainPID finarchive)
systemctl reload finarchive
sed -i s/delay/dely/ /etc/finarchive/finarchive.toml
systemctl reload finarchive
waits said network.dely
shows MainPID "$pid"

# A restart cannot fix that: the service stays down and reports it.
systemctl restart finarchive || true
waits shows ActiveState failed
shows ExecMainStatus 2
sed -i s/dely/delay/ /etc/finarchive/finarchive.toml

# Killed, it comes again; stuck, it is killed and comes again.
mkdir /etc/systemd/system/finarchive.service.d
cat >/etc/systemd/system/finarchive.service.d/hasty.conf <<END
[Service]
RestartSec=0
WatchdogSec=5
TimeoutStopSec=5
END
systemctl daemon-reload
systemctl start finarchive
for signal in KILL TERM STOP; do
    pid=$(systemctl show --value -p MainPID finarchive)
    kill -$signal $pid
    if test $signal = STOP; then waits said 'Watchdog timeout'; waits said '^Current thread'; fi
    changed() { ! shows MainPID "$pid" && ! shows MainPID 0 && shows ActiveState active; }
    waits changed
done
sleep 11  # twice the watchdog's time: it is fed
shows NRestarts 3
rm -r /etc/systemd/system/finarchive.service.d
systemctl daemon-reload

# Stopped, it is done in good order; uninstalled, it is gone, and the archive is not.
systemctl stop finarchive
shows Result success
shows ExecMainStatus 0
systemctl start finarchive
$finarchive service uninstall | grep 'The archive stays in /var/lib/finarchive'
test -z "$(ls /etc/systemd/system | grep finarchive | grep -v service.d)"
shows ActiveState inactive
filed
"""

READER_UNIT = """
$finarchive service install
page() { /opt/finarchive/bin/python -c "
import sys, urllib.request as u
print(u.urlopen(u.Request('http://127.0.0.1:8001' + sys.argv[1]), timeout=60).read().decode())" "$1"; }
reader() { test "$(systemctl show --value -p "$1" "$2")" = "$3"; }

# A visitor before there is an archive waits until there is one.
systemctl start finarchive-serve.socket
reader ActiveState finarchive-serve.socket active
reader ActiveState finarchive-serve.service inactive
served() { journalctl --sync; journalctl --no-pager -o cat -u finarchive-serve | grep -q -e "$1"; }
page /feeds >/tmp/early & early=$!
waits served 'there is no archive'
systemctl enable --now finarchive
waits filed
wait $early
grep china /tmp/early

# It serves what the daemon archives, by its own socket, without a network and without writing anything.
page / | grep nreplica
page '/search?q=feed:china' >/tmp/found
grep nreplica /tmp/found
pid=$(systemctl show --value -p MainPID finarchive-serve)
test "$(stat -c %U /proc/$pid)" = finarchive
nsenter -t $pid -n cat /proc/net/dev | grep -v lo: | grep -c : | grep -x 0 || test $? = 1
nsenter -t $pid -m test ! -w /var/lib/finarchive/.finarchive || \
    nsenter -t $pid -m sh -c '! touch /var/lib/finarchive/.finarchive/x'

# It also serves an archive whose daemon has stopped, and comes again after a kill.
systemctl stop finarchive
page / | grep nreplica
kill -KILL "$pid"
page / | grep nreplica
systemctl stop finarchive-serve.socket finarchive-serve
systemctl start finarchive-serve.socket
page / | grep nreplica

# A socket that others can reach is refused.
systemctl stop finarchive-serve.socket finarchive-serve
dropin=/etc/systemd/system/finarchive-serve.socket.d
mkdir $dropin
printf '[Socket]\\nListenStream=\\nListenStream=0.0.0.0:8001\\n' >$dropin/open.conf
systemctl daemon-reload
systemctl start finarchive-serve.socket
(page / || true) &
waits served 'has no passwords'
systemctl stop finarchive-serve.socket finarchive-serve
rm -r $dropin
systemctl daemon-reload
systemctl start finarchive-serve.socket
page / | grep nreplica

$finarchive service uninstall
test -z "$(ls /etc/systemd/system | grep finarchive | grep -v service.d)"
reader ActiveState finarchive-serve.service inactive
filed
"""


@pytest.mark.slow
def test_a_crawl_over_https_works_in_the_units_sandbox(tmp_path: Path) -> None:
    boot(tmp_path, SITE + CRAWL, timeout=120)


@pytest.mark.slow
def test_install_refuses_what_could_not_work(tmp_path: Path) -> None:
    boot(tmp_path, SITE + INSTALL, timeout=120)


@pytest.mark.slow
def test_the_daemon_starts_reloads_survives_stops_and_goes(tmp_path: Path) -> None:
    boot(tmp_path, SITE + DAEMON, timeout=220)


@pytest.mark.slow
def test_the_reader_is_started_by_its_socket_in_its_sandbox(tmp_path: Path) -> None:
    boot(tmp_path, SITE + READER_UNIT, timeout=180)
