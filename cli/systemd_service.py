"""Installs and removes the systemd units. :mod:`cli.systemd_units` has their texts."""

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
from cli import systemd_units as units
from cli.context import CommandError, cannot_write
from config.files import find
from config.load import load

UNIT_FOLDER = Path("/etc/systemd/system")  # for an administrator's units
_BOOTED = Path("/run/systemd/system")  # exists if systemd runs this machine (sd_booted(3))
# systemctl waits until a service has started or stopped; the unit allows 10 minutes for a start.
_COMMAND_TIMEOUT_SECONDS = 900.0


def unit_text(config: Path | None, name: str = units.NAME) -> str:
    """A unit for the installed finarchive that runs this code.

    :param name: one of :data:`cli.systemd_units.NAMES`
    :param config: the file given with ``-c``
    :raises CommandError: finarchive is not installed as a program
    """
    template = resources.files("config").joinpath(name).read_text(encoding="utf-8")
    return units.fill(template, _executable(), config.absolute() if config else None)


def write_units(config: Path | None, folder: Path, *, force: bool) -> list[Path]:
    """Write the units into ``folder``, and do nothing else.

    :return: their paths
    :raises CommandError: one cannot be written; or an existing one was edited, and ``force`` is False: then none is
        written
    """
    texts = {folder / name: unit_text(config, name) for name in units.NAMES}
    for path in texts:
        _protect_edited(path, force=force)
    for path, text in texts.items():
        try:
            make_root(folder)
            with open_output(path, mode=0o644) as file:
                file.write(text.encode())
        except OSError as error:
            raise cannot_write(path, error) from error
    return list(texts)


def install(config: Path | None, *, force: bool) -> list[Path]:
    """Install the units and create the services' user. Nothing is enabled or started.

    :return: the units' paths
    :raises CommandError: systemd does not run, the user is not root, or the service cannot see the program's folder;
        nothing was changed
    :raises ConfigError: the configuration that the service will use has mistakes
    """
    systemctl = _manager("install")
    _check_visibility(config)
    # As the service will load it: with an empty environment, from the root folder.
    load(find(config.absolute() if config else None, {}, Path("/")), {})
    for name in units.NAMES:
        _protect_edited(UNIT_FOLDER / name, force=force)
    _make_user()
    paths = write_units(config, UNIT_FOLDER, force=force)
    _call(systemctl, "daemon-reload")
    return paths


def uninstall(*, force: bool) -> str:
    """Stop the services and remove their units; the archive stays.

    :return: the archive's folder
    :raises CommandError: the service is not installed; or a unit was edited, and ``force`` is False
    """
    systemctl, daemon = _manager("uninstall"), UNIT_FOLDER / units.NAME
    paths = [path for name in units.NAMES if (path := UNIT_FOLDER / name).exists()]
    if daemon not in paths:
        raise CommandError(f"there is no {daemon}: the service is not installed")
    for path in paths:
        _protect_edited(path, force=force)
    root = units.archive_root(daemon.read_text(encoding="utf-8"))
    # The socket first: it would start the reader again.
    for path in reversed(paths):
        _call(systemctl, "disable", "--now", path.name)
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
            if folder := units.hidden(location):
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
    if not force and not units.is_untouched(text):
        raise CommandError(
            f"{path} was edited, or is not ours: --force drops it; `systemctl edit` keeps changes apart"
        )


def _make_user() -> None:
    try:
        pwd.getpwnam(units.USER)
    except KeyError:
        # systemd-sysusers does not create the home folder: StateDirectory= of the unit does.
        _call("systemd-sysusers", "--inline", f'u {units.USER} - "finarchive" /var/lib/finarchive')


def _call(*command: str) -> None:
    try:
        result = subprocess.run(  # noqa: S603 - our own commands
            command, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"{' '.join(command)} failed: {error}") from error
    if result.returncode:
        raise CommandError(f"{' '.join(command)} failed: {result.stderr.strip() or result.returncode}")
