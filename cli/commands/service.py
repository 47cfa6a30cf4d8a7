"""``finarchive service``."""

from __future__ import annotations

from pathlib import Path

import click

from cli import systemd_service as service
from cli import systemd_units as units
from cli.context import CommandContext
from cli.options import SubcommandGroup

_force_option = click.option("--force", is_flag=True, help="Replace or remove even an edited or foreign unit.")


@click.group("service", cls=SubcommandGroup)
def service_command() -> None:
    """Install the daemon and the web reader as systemd services.

    Example: finarchive service install
    """


@service_command.command("print")
@click.argument("unit", type=click.Choice(units.NAMES), default=units.NAME)
@click.pass_obj
def print_command(context: CommandContext, unit: str) -> None:
    """Print a unit that `install` would write: the daemon's, or that of the web reader or its socket.

    With -c FILE before `service`, the unit names that configuration.

    Example: finarchive service print finarchive-serve.service
    """
    click.echo(service.unit_text(context.config, unit), nl=False)


@service_command.command("install")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Only write the units into DIR, for a package or an image.",
)
@_force_option
@click.pass_obj
def install_command(context: CommandContext, to: Path | None, force: bool) -> None:
    """Install the systemd units, and create the user of the services. Nothing is started.

    Example: finarchive service install
    """
    if to is not None:
        for path in service.write_units(context.config, to, force=force):
            context.say(f"Wrote {path}")
        return
    for path in service.install(context.config, force=force):
        context.say(f"Wrote {path}")
    context.say("Start the daemon, now and at each boot:   systemctl enable --now finarchive")
    context.say(f"Start the web reader at the first visit:  systemctl enable --now {units.READER_SOCKET}")
    context.say("After an upgrade, restart what runs:      systemctl try-restart finarchive finarchive-serve")


@service_command.command("uninstall")
@_force_option
@click.pass_obj
def uninstall_command(context: CommandContext, force: bool) -> None:
    """Stop the services and remove their units. The archive stays.

    Example: finarchive service uninstall
    """
    root = service.uninstall(force=force)
    context.say(f"The services are removed. The archive stays in {root}, the configuration in /etc/finarchive.")
    context.say("Both still belong to the user finarchive: remove all three if you do not need them.")
