"""``finarchive help``."""

from __future__ import annotations

import sys
from importlib import resources
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from cli.context import CommandError
from cli.output.man_page import man_page

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# The wheel has the documentation in the package; in a checkout it is a link to docs/.
_PAGES = resources.files("cli") / "docs"


def topics() -> dict[str, str]:
    """The pages of the documentation: name -> title, the first line of the page."""
    names = sorted(page.name.removesuffix(".md") for page in _PAGES.iterdir() if page.name.endswith(".md"))
    return {name: _read(name).partition("\n")[0].lstrip("# ") for name in names}


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell's completion needs it

    return [CompletionItem(name, help=title) for name, title in topics().items() if name.startswith(incomplete)]


@click.command("help")
@click.argument("topic", required=False, shell_complete=_complete)
@click.option("--man", "as_man_page", is_flag=True, help="Print the manual page: finarchive help --man | man -l -")
@click.pass_context
def help_command(context: click.Context, topic: str | None, as_man_page: bool) -> None:
    """Show a page of the documentation, or the list of pages. TOPIC is a page, or a command for its options.

    Example: finarchive help configuration

    Example: finarchive help crawl
    """
    root = context.find_root()
    group = root.command
    assert isinstance(group, click.Group)  # noqa: S101 - this command is in it
    pages = topics()
    if as_man_page:
        if topic is not None:
            raise CommandError("--man prints the page of all commands: it takes no topic")
        click.echo(man_page(group, version("finarchive"), _read("commands")), nl=False)
    elif topic is None:
        _list(pages)
    elif topic in pages:
        _show(_read(topic))
    elif (command := group.get_command(root, topic)) is not None:
        with click.Context(command, info_name=topic, parent=root) as of_command:
            click.echo(command.get_help(of_command))
    else:
        raise CommandError(f"there is no page or command {topic!r}; the pages are: {', '.join(pages)}")


def _read(name: str) -> str:
    return (_PAGES / f"{name}.md").read_text(encoding="utf-8")


def _list(pages: dict[str, str]) -> None:
    """Print the names and titles of all pages."""
    width = max(map(len, pages))
    for name, title in pages.items():
        click.echo(f"{name:{width}}  {title}")
    click.echo("\nfinarchive help TOPIC shows a page, finarchive help COMMAND the options of a command.")


def _show(page: str) -> None:
    """Print a page: formatted and in a pager on a terminal, elsewhere as it is."""
    if not sys.stdout.isatty():
        click.echo(page, nl=False)
        return
    from cli.output.page import show_page  # noqa: PLC0415 - only terminals need rich

    show_page(page)
