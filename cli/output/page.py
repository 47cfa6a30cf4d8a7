"""A page of the documentation on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markdown import Markdown


def show_page(page: str) -> None:
    """Show a page in the pager.

    :param page: Markdown
    """
    console = Console()
    with console.pager(styles=True):
        console.print(Markdown(page))
