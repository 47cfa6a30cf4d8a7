"""Output of ``search``, ``tail`` and ``alerts``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from archive.files.paths import CHINA
from archive.model.results import Change, Hit, Mark
from cli.output.console import many, short_time, stdout_console, visible
from scheduler.monitoring.reports import AlertReport

_MATCH_STYLE = "bold red"


def show_hits(hits: Sequence[Hit], limit: int) -> None:
    """Print the articles that a search found."""
    console = stdout_console()
    for hit in hits:
        console.print(_highlight(hit.title, hit.title_marks, "bold"))
        facts = f"{hit.published.astimezone(CHINA):%Y-%m-%d %H:%M}  {' '.join(hit.feeds)}  {hit.docid}"
        console.print(Text(f"  {visible(facts)}", style="cyan"))
        console.print(Text(f"  {visible(hit.path)}", style="dim"))
        console.print(Text("  ") + _highlight(hit.snippet, hit.snippet_marks, ""))
    if not hits:
        console.print("Nothing was found.")
    elif len(hits) == limit:
        console.print(f"These are the first {many(limit, 'article')}; --limit shows more.")


def show_changes(changes: Iterable[Change]) -> None:
    """Print new versions: two lines for each on a terminal, elsewhere one line with fields separated by tabs."""
    console = stdout_console()
    for change in changes:
        if console.is_terminal:
            console.print(_headline(change))
            console.print(Text("  ") + _highlight(change.snippet, change.snippet_marks, "dim"))
        else:  # without rich, which replaces tabs by spaces
            fields = (
                f"{change.published.astimezone(CHINA):%Y-%m-%d %H:%M}",
                ",".join(change.feeds),
                change.docid,
                str(change.revision),
                change.title,
                ",".join(change.symbols),
                change.snippet,
            )
            print("\t".join(map(visible, fields)), flush=True)


def show_alerts(reports: Sequence[AlertReport]) -> None:
    """Print the state of each address of the alerts."""
    console = stdout_console()
    if not reports:
        console.print("No alert is configured; finarchive help configuration says how.")
        return
    table = Table("alert", "query", "to", "last sent", "waiting", "", caption="times are China's")
    for report in reports:
        table.add_row(
            report.alert.name,
            Text(visible(report.alert.query)),
            f"{report.address} {report.service}" if report.address else "-",
            short_time(report.progress.sent if report.progress else None),
            str(report.waiting),
            Text(_trouble(report), "yellow"),
        )
    console.print(table)


def _trouble(report: AlertReport) -> str:
    if report.address is None:
        from config.environment import address_variable  # noqa: PLC0415 - search and tail need no settings

        return f"no addresses here: set urls, or {address_variable(report.alert.name)}"
    if report.progress is None:
        return "begins with the next run or crawl"
    return report.progress.failure or ""


def _headline(change: Change) -> Text:
    line = Text(short_time(change.published), "cyan")
    line.append(f"  {visible(' '.join(change.feeds))}  ", "green")
    if change.revision > 1:
        line.append(f"version {change.revision}  ", "yellow")
    line.append_text(_highlight(change.title, change.title_marks, "bold"))
    line.append(f"  {visible(' '.join((*change.symbols, '')))}", "magenta")
    return line.append(visible(change.docid), "dim")


def _highlight(text: str, marks: Sequence[Mark], style: str) -> Text:
    line = Text(visible(text), style=style)  # visible() keeps the length, so the marks stay valid
    for start, end in marks:
        line.stylize(_MATCH_STYLE, start, end)
    return line
