"""``finarchive completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cli.context import CommandError

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_FINARCHIVE_COMPLETE"  # click derives it from the program's name


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and feeds in a shell.

    Example: finarchive completion bash > ~/.local/share/bash-completion/completions/finarchive

    \b
    Where each shell looks for it:
    bash: ~/.local/share/bash-completion/completions/finarchive
    zsh:  ~/.zfunc/_finarchive (with fpath+=~/.zfunc before compinit)
    fish: ~/.config/fish/completions/finarchive.fish
    """
    completion_class = get_completion_class(shell)
    if completion_class is None:  # a later release of click without this shell
        raise CommandError(f"this release of click has no completion for {shell}")
    try:
        click.echo(completion_class(context.find_root().command, {}, "finarchive", _VARIABLE).source())
    except RuntimeError as error:
        raise CommandError(str(error)) from error
