"""finarchive as a service of this machine: its unit put in place and taken away. The text is `cli.systemd_unit`'s."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from importlib import resources
from pathlib import Path

from archive.files.atomic import write_atomically
from cli import systemd_unit
from cli.context import CommandError
from config.load import find, load

UNITS = Path("/etc/systemd/system")  # where an administrator's units are
_BOOTED = Path("/run/systemd/system")  # there when systemd runs this machine (sd_booted(3))
# systemctl waits for what it starts and stops; the unit allows 10 minutes for a start.
_PATIENCE = 900.0


def unit_text(config: Path | None) -> str:
    """The unit for the finarchive that runs now.

    :param config: as given with ``-c``
    :raises Refusal: it was not installed as a program
    """
    template = resources.files("config").joinpath(systemd_unit.NAME).read_text(encoding="utf-8")
    return systemd_unit.fill(template, _executable(), config.absolute() if config else None)


def write_unit(config: Path | None, folder: Path, *, force: bool) -> Path:
    """Put the unit into ``folder``, and do nothing else.

    :return: its path
    :raises Refusal: it cannot be written, or another is there that somebody edited, and ``force`` is not given
    """
    text, path = unit_text(config), folder / systemd_unit.NAME
    _refuse_to_lose(path, force=force)
    try:
        write_atomically(path, text.encode(), path.with_name(f".{path.name}.new"), mode=0o644)
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror})") from error
    return path


def install(config: Path | None, *, force: bool) -> Path:
    """Make the service known to this machine's systemd. It is neither enabled nor started.

    :return: the unit's path
    :raises Refusal: the machine, our rights or the place of the program do not allow it; nothing was changed
    :raises ConfigError: the configuration that the service would read has mistakes
    """
    systemctl = _manager("install")
    _refuse_what_is_hidden(config)
    load(
        find(config.absolute() if config else None, {}, Path("/")), {}
    )  # as the service will: its own environment, its own folder
    _refuse_to_lose(UNITS / systemd_unit.NAME, force=force)
    _make_user()
    path = write_unit(config, UNITS, force=force)
    _call(systemctl, "daemon-reload")
    return path


def uninstall(*, force: bool) -> str:
    """Stop the service and take its unit away; the archive stays.

    :return: where the archive is
    :raises Refusal: there is no such service, or its unit was edited and ``force`` is not given
    """
    systemctl, path = _manager("uninstall"), UNITS / systemd_unit.NAME
    if not path.exists():
        raise CommandError(f"there is no {path}: the service is not installed")
    _refuse_to_lose(path, force=force)
    root = systemd_unit.archive_root(path.read_text(encoding="utf-8"))
    _call(systemctl, "disable", "--now", systemd_unit.NAME)
    path.unlink()
    _call(systemctl, "daemon-reload")
    return root


def _executable() -> Path:
    path = Path(sysconfig.get_path("scripts")) / "finarchive"
    if not path.is_file():
        raise CommandError(f"there is no {path}: install finarchive with pip, into a virtual environment of its own")
    return path


def _manager(command: str) -> str:
    """The path of systemctl, if we may and can use it."""
    systemctl = shutil.which("systemctl")
    if systemctl is None or not _BOOTED.is_dir():
        advice = "; --to DIR writes the unit only" if command == "install" else ""
        raise CommandError(f"systemd does not run this machine{advice}")
    if os.geteuid() != 0:
        raise CommandError(f"services are root's to {command}: sudo {_executable()} service {command}")
    return systemctl


def _refuse_what_is_hidden(config: Path | None) -> None:
    needed = [_executable(), Path(sys.prefix), Path(sys.base_prefix), Path(__file__), *([config] if config else [])]
    for path in needed:
        for place in (path.absolute(), path.resolve()):
            if folder := systemd_unit.hidden(place):
                advice = "keep it in /etc/finarchive" if path == config else "install finarchive into /opt/finarchive"
                raise CommandError(f"the service may not look into {folder}, and needs {place}: {advice}")


def _refuse_to_lose(path: Path, *, force: bool) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read ({error})") from error
    if not force and not systemd_unit.is_untouched(text):
        raise CommandError(
            f"{path} was edited, or is not ours: --force drops it; `systemctl edit` keeps changes apart"
        )


def _make_user() -> None:
    try:
        pwd.getpwnam(systemd_unit.USER)
    except KeyError:
        # No home of its own making: StateDirectory= makes the folder.
        _call("systemd-sysusers", "--inline", f'u {systemd_unit.USER} - "finarchive" /var/lib/finarchive')


def _call(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"{' '.join(command)} failed: {error}") from error
    if done.returncode:
        raise CommandError(f"{' '.join(command)} failed: {done.stderr.strip() or done.returncode}")
