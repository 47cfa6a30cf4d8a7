"""Installs and removes the systemd service. :mod:`cli.systemd_unit` has the text of the unit."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from importlib import resources
from pathlib import Path

from archive.files.folders import make_root
from archive.files.output import open_output
from cli import systemd_unit
from cli.context import CommandError
from config.load import find, load

UNIT_FOLDER = Path("/etc/systemd/system")  # for an administrator's units
_BOOTED = Path("/run/systemd/system")  # exists if systemd runs this machine (sd_booted(3))
# systemctl waits until a service has started or stopped; the unit allows 10 minutes for a start.
_COMMAND_TIMEOUT_SECONDS = 900.0


def unit_text(config: Path | None) -> str:
    """The unit for the installed finarchive that runs this code.

    :param config: the file given with ``-c``
    :raises CommandError: finarchive is not installed as a program
    """
    template = resources.files("config").joinpath(systemd_unit.NAME).read_text(encoding="utf-8")
    return systemd_unit.fill(template, _executable(), config.absolute() if config else None)


def write_unit(config: Path | None, folder: Path, *, force: bool) -> Path:
    """Write the unit into ``folder``, and do nothing else.

    :return: its path
    :raises CommandError: it cannot be written; or the existing unit was edited, and ``force`` is False
    """
    text, path = unit_text(config), folder / systemd_unit.NAME
    _protect_edited(path, force=force)
    try:
        make_root(folder)
        with open_output(path, mode=0o644) as file:
            file.write(text.encode())
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror})") from error
    return path


def install(config: Path | None, *, force: bool) -> Path:
    """Install the unit and create the service's user. The service is neither enabled nor started.

    :return: the unit's path
    :raises CommandError: systemd does not run, the user is not root, or the service cannot see the program's folder;
        nothing was changed
    :raises ConfigError: the configuration that the service will use has mistakes
    """
    systemctl = _manager("install")
    _check_visibility(config)
    # As the service will load it: with an empty environment, from the root folder.
    load(find(config.absolute() if config else None, {}, Path("/")), {})
    _protect_edited(UNIT_FOLDER / systemd_unit.NAME, force=force)
    _make_user()
    path = write_unit(config, UNIT_FOLDER, force=force)
    _call(systemctl, "daemon-reload")
    return path


def uninstall(*, force: bool) -> str:
    """Stop the service and remove its unit; the archive stays.

    :return: the archive's folder
    :raises CommandError: the service is not installed; or its unit was edited, and ``force`` is False
    """
    systemctl, path = _manager("uninstall"), UNIT_FOLDER / systemd_unit.NAME
    if not path.exists():
        raise CommandError(f"there is no {path}: the service is not installed")
    _protect_edited(path, force=force)
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
    """The path of systemctl.

    :param command: ``install`` or ``uninstall``
    :raises CommandError: systemd does not run this machine, or the user is not root
    """
    systemctl = shutil.which("systemctl")
    if systemctl is None or not _BOOTED.is_dir():
        advice = "; --to DIR writes the unit only" if command == "install" else ""
        raise CommandError(f"systemd does not run this machine{advice}")
    if os.geteuid() != 0:
        raise CommandError(f"only root can {command} services: sudo {_executable()} service {command}")
    return systemctl


def _check_visibility(config: Path | None) -> None:
    needed = [_executable(), Path(sys.prefix), Path(sys.base_prefix), Path(__file__), *([config] if config else [])]
    for path in needed:
        for location in (path.absolute(), path.resolve()):
            if folder := systemd_unit.hidden(location):
                advice = "keep it in /etc/finarchive" if path == config else "install finarchive into /opt/finarchive"
                raise CommandError(f"the service may not look into {folder}, and needs {location}: {advice}")


def _protect_edited(path: Path, *, force: bool) -> None:
    if path.exists() and not path.is_file():
        raise CommandError(f"{path} is not a file; if the unit is masked: systemctl unmask {path.name}")
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
        # systemd-sysusers does not create the home folder: StateDirectory= of the unit does.
        _call("systemd-sysusers", "--inline", f'u {systemd_unit.USER} - "finarchive" /var/lib/finarchive')


def _call(*command: str) -> None:
    try:
        result = subprocess.run(  # noqa: S603 - our own commands
            command, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"{' '.join(command)} failed: {error}") from error
    if result.returncode:
        raise CommandError(f"{' '.join(command)} failed: {result.stderr.strip() or result.returncode}")
