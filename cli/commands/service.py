"""``finarchive service``."""

from __future__ import annotations

from pathlib import Path

import click

from cli import systemd_service
from cli.context import CommandContext

_force_option = click.option("--force", is_flag=True, help="Replace or remove even an edited or foreign unit.")


@click.group("service")
def service_command() -> None:
    """Install the daemon as a systemd service.

    Example: finarchive service install
    """


@service_command.command("print")
@click.pass_obj
def print_command(context: CommandContext) -> None:
    """Print the unit that `install` would write.

    With -c FILE before `service`, the unit names that configuration.

    Example: finarchive service print
    """
    click.echo(systemd_service.unit_text(context.config), nl=False)


@service_command.command("install")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Only write the unit into DIR, for a package or an image.",
)
@_force_option
@click.pass_obj
def install_command(context: CommandContext, to: Path | None, force: bool) -> None:
    """Install the systemd unit, and create the user of the service. The service is not started.

    Example: finarchive service install
    """
    if to is not None:
        click.echo(f"Wrote {systemd_service.write_unit(context.config, to, force=force)}")
        return
    path = systemd_service.install(context.config, force=force)
    click.echo(f"Wrote {path}. Start it, now and at each boot: systemctl enable --now finarchive")
    click.echo("If it already runs, restart it with the new unit: systemctl restart finarchive")


@service_command.command("uninstall")
@_force_option
def uninstall_command(force: bool) -> None:
    """Stop the service and remove its unit. The archive stays.

    Example: finarchive service uninstall
    """
    root = systemd_service.uninstall(force=force)
    click.echo(f"The service is removed. The archive stays in {root}, the configuration in /etc/finarchive.")
    click.echo("Both still belong to the user finarchive: remove all three if you do not need them.")
