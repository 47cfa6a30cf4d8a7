"""A real systemd as PID 1 in separate namespaces, to test the unit under its manager.

What runs inside sees this machine's files below an overlay in memory, its own processes and cgroups, and a network
with nothing but loopback; nothing it writes persists, and nothing outside is notified. That needs root and a few
seconds. Not available: memory and CPU limits where the machine keeps these controllers in cgroup v1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
INSTALLED = Path("/opt/finarchive")  # the program's folder inside
_TOOLS = ("systemctl", "journalctl", "systemd-sysusers", "unshare", "setpriv", "pivot_root", "mount", "ip", "openssl")
_SYSTEMD = Path("/lib/systemd/systemd")

# Makes the root and becomes PID 1. $1: an empty folder, $2: the folder that both sides see, $3: our source,
# $4: its libraries, $5: the interpreter's installation.
_INIT = r"""
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1"/upper "$1"/work "$1"/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys  # the kernel's settings are everybody's
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
touch dev/console; mount --bind /dev/null dev/console
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
for pair in ptmx:pts/ptmx fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
    ln -s "${pair#*:}" "dev/${pair%%:*}"
done
ip link set lo up
rm -rf opt/finarchive opt/python
mkdir -p outside opt/python opt/finarchive/bin opt/finarchive/packages opt/finarchive/source
mount --bind "$2" outside
mount --bind -o ro "$3" opt/finarchive/source
mount --bind -o ro "$4" opt/finarchive/packages
mount --bind -o ro "$5" opt/python
rm -rf etc/systemd/system etc/finarchive etc/resolv.conf
rm -f lib/systemd/system/*.target.wants/*  # modules, kernel settings, file systems: this is not a machine's boot
mkdir -p etc/systemd/system etc/systemd/system.conf.d
# The interpreter's built-in library path may be in a home directory.
printf '[Manager]\nDefaultEnvironment=LD_LIBRARY_PATH=/opt/python/lib\n' >etc/systemd/system.conf.d/python.conf
cp outside/trial.* etc/systemd/system
# Not chroot: in one, no process may make the user namespace that PrivateUsers= needs.
mkdir old
pivot_root . old
umount -l old
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-sys_boot,-syslog \
    /lib/systemd/systemd --system --unit=trial.target --show-status=no </dev/null >/dev/null
"""

_TARGET = """
[Unit]
Requires=systemd-journald.service trial.service
"""
_SERVICE = """
[Unit]
After=systemd-journald.service
[Service]
Type=oneshot
TimeoutStartSec=infinity
Environment=HOME=/root
ExecStart=/bin/bash -eux /outside/trial.sh
StandardOutput=append:/outside/log
StandardError=inherit
ExecStopPost=/bin/bash -c 'echo $EXIT_STATUS >/outside/status'
ExecStopPost=/bin/systemctl --no-block exit
"""

# A virtual environment in /opt, as docs/systemd.md says to make one, without installing anything.
_INSTALLATION = f"""
python=python{sys.version_info.major}.{sys.version_info.minor}
cd {INSTALLED}
ln -s /opt/python/bin/$python bin/python
printf 'home = /opt/python/bin\\n' >pyvenv.cfg
mkdir -p lib/$python/site-packages
printf '{INSTALLED}/source\\n{INSTALLED}/packages\\n' >lib/$python/site-packages/finarchive.pth
printf '#!{INSTALLED}/bin/python\\nfrom cli.main import main\\nmain()\\n' >bin/finarchive
chmod 755 bin/finarchive
cd /
"""


def why_not() -> str | None:
    """Why this machine cannot boot a systemd in namespaces; None: no known reason."""
    if os.geteuid() != 0:
        return "it needs root"
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"there is no {', '.join(missing)}"
    if not _SYSTEMD.is_file():
        return f"there is no {_SYSTEMD}"
    if _hierarchy() is None:
        return "no cgroup v2 hierarchy is mounted"
    return None


def boot(folder: Path, script: str, *, timeout: float) -> str:
    """Boot, run ``script`` (bash -eux, as root, finarchive in /opt/finarchive), shut down.

    :param folder: empty; the script sees it as /outside
    :return: all that the script wrote
    """
    if reason := why_not():
        pytest.skip(f"systemd cannot be booted here: {reason}")
    root, outside, group = folder / "root", folder / "outside", (_hierarchy() or Path()) / f"finarchive-{os.getpid()}"
    root.mkdir()
    outside.mkdir(exist_ok=True)
    (outside / "trial.target").write_text(_TARGET)
    (outside / "trial.service").write_text(_SERVICE)
    (outside / "trial.sh").write_text(_INSTALLATION + script)
    packages = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    # A cgroup namespace begins at the group that the process is in.
    command = [
        "unshare", "--mount", "--propagation=private", "--uts", "--ipc", "--net", "--cgroup", "--pid", "--fork",
        "--kill-child", "/bin/bash", "-c", _INIT, "init", str(root), str(outside), str(REPOSITORY), str(packages),
        sys.base_prefix,
    ]  # fmt: skip
    group.mkdir()
    try:
        done = subprocess.run(
            ["/bin/bash", "-c", 'echo $$ >"$0"/cgroup.procs && exec "$@"', str(group), *command],
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
    finally:
        _remove(group)
    log = outside / "log"
    if not log.exists():
        pytest.skip(f"systemd did not boot here: {done.stderr.strip()[-500:]}")
    text = log.read_text(encoding="utf-8", errors="replace")
    assert (outside / "status").read_text().strip() == "0", text
    return text


def _hierarchy() -> Path | None:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    return None


def _remove(group: Path) -> None:
    for inner in sorted(group.rglob("*"), reverse=True):
        if inner.is_dir():
            inner.rmdir()
    group.rmdir()
