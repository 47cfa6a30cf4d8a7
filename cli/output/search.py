"""What people see of a search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from archive.files.paths import CHINA
from archive.model.results import Change, Hit, Mark
from cli.output.console import console_here, many, visible
from config.environment import address_variable
from scheduler.monitoring.reports import AlertReport

_FOUND = "bold red"


def show_hits(hits: Sequence[Hit], limit: int) -> None:
    """What a search has found."""
    console = console_here()
    for hit in hits:
        console.print(_marked(hit.title, hit.title_marks, "bold"))
        told = f"{hit.published.astimezone(CHINA):%Y-%m-%d %H:%M}  {' '.join(hit.feeds)}  {hit.docid}"
        console.print(Text(f"  {visible(told)}", style="cyan"))
        console.print(Text(f"  {visible(hit.path)}", style="dim"))
        console.print(Text("  ") + _marked(hit.snippet, hit.snippet_marks, ""))
    if not hits:
        console.print("Nothing was found.")
    elif len(hits) == limit:
        console.print(f"These are the first {many(limit, 'article')}; --limit shows more.")


def show_news(news: Iterable[Change]) -> None:
    """What has come in: on a terminal two lines for each, elsewhere one, its fields parted by tabs."""
    console = console_here()
    for each in news:
        if console.is_terminal:
            console.print(_headline(each))
            console.print(Text("  ") + _marked(each.snippet, each.snippet_marks, "dim"))
        else:  # not by way of rich, which makes spaces of tabs
            fields = (
                f"{each.published.astimezone(CHINA):%Y-%m-%d %H:%M}", ",".join(each.feeds), each.docid,
                str(each.revision), each.title, ",".join(each.symbols), each.snippet,
            )  # fmt: skip
            print("\t".join(map(visible, fields)), flush=True)


def show_alerts(reports: Sequence[AlertReport]) -> None:
    """How the alerts are doing."""
    console = console_here()
    table = Table("alert", "query", "to", "last sent", "waiting", "", caption="times are China's")
    for each in reports:
        told = each.told
        trouble = told.failure if told and told.failure else "" if told else "begins with the next run or crawl"
        if each.address is None:
            trouble = f"no addresses here: set urls, or {address_variable(each.alert.name)}"
        table.add_row(
            each.alert.name, Text(visible(each.alert.query)),
            f"{each.address} {each.service}" if each.address else "-",
            f"{told.sent.astimezone(CHINA):%m-%d %H:%M}" if told and told.sent else "-", str(each.waiting),
            Text(trouble, "yellow"),
        )  # fmt: skip
    if reports:
        console.print(table)
    else:
        console.print("No alert is configured; docs/configuration.md says how.")


def _headline(news: Change) -> Text:
    line = Text(f"{news.published.astimezone(CHINA):%m-%d %H:%M}", "cyan")
    line.append(f"  {visible(' '.join(news.feeds))}  ", "green")
    if news.revision > 1:
        line.append(f"version {news.revision}  ", "yellow")
    line.append_text(_marked(news.title, news.title_marks, "bold"))
    line.append(f"  {visible(' '.join((*news.symbols, '')))}", "magenta")
    return line.append(visible(news.docid), "dim")


def _marked(text: str, marks: Sequence[Mark], style: str) -> Text:
    line = Text(visible(text), style=style)  # as long as it was: nothing moves
    for start, end in marks:
        line.stylize(_FOUND, start, end)
    return line
