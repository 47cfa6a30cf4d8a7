"""``finarchive service``: the systemd unit of this installation."""

from __future__ import annotations

from pathlib import Path

import click

from cli import systemd_service as services
from cli.context import CommandContext

_force = click.option("--force", is_flag=True, help="Even if the unit there was edited, or is not ours.")


@click.group()
def service() -> None:
    """Run the daemon as a systemd service.

    Example: finarchive service install
    """


@service.command("print")
@click.pass_obj
def print_unit(context: CommandContext) -> None:
    """Print the unit that `install` would write. With -c FILE before `service`, it names that configuration.

    Example: finarchive service print
    """
    click.echo(services.unit_text(context.config), nl=False)


@service.command()
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Only write the unit into DIR, for a package or an image; change nothing else.",
)
@_force
@click.pass_obj
def install(context: CommandContext, to: Path | None, force: bool) -> None:
    """Make the service known to systemd, and the user it runs as. It is not started yet.

    Example: finarchive service install
    """
    if to is not None:
        click.echo(f"Wrote {services.write_unit(context.config, to, force=force)}")
        return
    path = services.install(context.config, force=force)
    click.echo(f"Wrote {path}. Start it, now and at each boot: systemctl enable --now finarchive")
    click.echo("If it runs already, let it take up the new unit: systemctl restart finarchive")


@service.command()
@_force
def uninstall(force: bool) -> None:
    """Stop the service and remove its unit. The archive stays where it is.

    Example: finarchive service uninstall
    """
    root = services.uninstall(force=force)
    click.echo(f"The service is gone. The archive stays in {root}, the configuration in /etc/finarchive,")
    click.echo("and both are still the user finarchive's: remove them yourself if nobody needs them.")
