"""Output of ``search``, ``tail`` and ``alerts``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from archive.model.results import Change, Hit, Mark
from cli.output.console import TableColumn, print_prose, print_table, stdout_console, visible
from cli.times import full_time, short_time, zone_name
from scheduler.monitoring.reports import AlertReport

MAX_COUNTED = 10_001  # matches that a search counts: more take seconds in an index of a million articles
_MATCH_STYLE = "bold red"


def show_hits(hits: Sequence[Hit], total: int) -> None:
    """Print the articles that a search found.

    :param total: how many articles match, MAX_COUNTED for as many or more
    """
    console = stdout_console()
    for hit in hits:
        console.print(_highlight(hit.title, hit.title_marks, "bold"))
        facts = f"{full_time(hit.published)}  {', '.join(dict.fromkeys(hit.feed_names))}  {hit.docid}"
        console.print(Text(f"  {visible(facts)}", style="cyan"))
        if marks := _marks(hit):
            console.print(Text(f"  {marks}", style="yellow"))
        console.print(Text(f"  {visible(hit.path)}", style="dim"))
        print_prose(console, Text("  ") + _highlight(hit.snippet, hit.snippet_marks, ""))
    if not hits:
        console.print("Nothing was found.")
    elif len(hits) < total:
        number = f"more than {MAX_COUNTED - 1:,}" if total == MAX_COUNTED else f"{total:,}"
        console.print(f"Showing {len(hits):,} of {number} articles; --limit N shows more.")


def _marks(hit: Hit) -> str:
    """Whether the article was edited or withdrawn, and when."""
    marks = []
    if hit.revision > 1 and hit.observed:
        marks.append(f"revised {hit.revision - 1}x, last {full_time(hit.observed)}")
    marks += [f"gone since {full_time(hit.gone)}"] if hit.gone else []
    return ", ".join(marks)


def show_changes(changes: Iterable[Change]) -> None:
    """Print new versions: two lines for each on a terminal, elsewhere one line with fields separated by tabs."""
    console = stdout_console()
    for change in changes:
        if console.is_terminal:
            console.print(_headline(change))
            print_prose(console, Text("  ") + _highlight(change.snippet, change.snippet_marks, "dim"))
        else:  # without rich, which replaces tabs by spaces
            fields = (
                full_time(change.published),
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
    columns = (
        TableColumn("alert"),
        TableColumn("query", wraps=True),
        TableColumn("to"),
        TableColumn("last sent"),
        TableColumn("waiting", is_number=True),
        TableColumn("", wraps=True),
    )
    rows = [
        (
            report.alert.name,
            visible(report.alert.query),
            f"{report.address} {report.service}" if report.address else "-",
            short_time(report.progress.sent if report.progress else None),
            f"{report.waiting:,}",
            Text(_trouble(report), "yellow"),
        )
        for report in reports
    ]
    print_table(console, columns, rows)
    console.print(Text(f"Times are {zone_name()}.", style="dim"))


def _trouble(report: AlertReport) -> str:
    if report.address is None:
        from config.environment import address_variable  # noqa: PLC0415 - search and tail need no settings

        return f"no addresses here: set urls, or {address_variable(report.alert.name)}"
    if report.progress is None:
        return "begins with the next run or crawl"
    return report.progress.failure or ""


def _headline(change: Change) -> Text:
    line = Text(short_time(change.published), "cyan")
    line.append(f"  {visible(', '.join(dict.fromkeys(change.feed_names)))}  ", "green")
    if change.revision > 1:
        line.append(f"version {change.revision}  ", "yellow")
    line.append_text(_highlight(change.title, change.title_marks, "bold"))
    stocks = [" ".join(filter(None, (change.stock_names.get(each), each))) for each in change.symbols]
    line.append(f"  {visible(', '.join(stocks))} " if stocks else "  ", "magenta")
    return line.append(visible(change.docid), "dim")


def _highlight(text: str, marks: Sequence[Mark], style: str) -> Text:
    line = Text(visible(text), style=style)  # visible() keeps the length, so the marks stay valid
    for start, end in marks:
        line.stylize(_MATCH_STYLE, start, end)
    return line
