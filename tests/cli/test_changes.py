"""``finarchive changes``."""

from __future__ import annotations

from datetime import timedelta

import pytest

from archive.files.layout import index_path
from archive.model.feed import Failure, FailureKind
from archive.store import Store
from tests.conftest import Home
from tests.support.fetches import again, failed
from tests.support.search_data import NOW, Story, put

HOUR = timedelta(hours=1)


@pytest.fixture
def changed(home: Home) -> Home:
    """A home with an article that was edited, retitled and deleted, and with 60 that were edited once."""
    index_path(home.root).parent.mkdir(parents=True)
    store = Store.open(index_path(home.root))
    for number, (title, text) in enumerate((("营收", "增长4.8%。"), ("营收\x1b[31m", "增长4.9%。")), 1):
        put(
            store,
            [Story("aaaa", title, text, "样例社", ("sh600519",), ("china", "stock"))],
            NOW + number * HOUR,
            number,
        )
    gone = again(failed(Failure("aaaa", FailureKind.GONE, "status 404"), NOW + 3 * HOUR, None))
    store.articles.commit([gone], [None])
    for number in (1, 2):
        put(
            store,
            [Story(f"b{n:03}", "别的", f"文{number}") for n in range(60)],
            NOW - (3 - number) * 24 * HOUR,
            number,
        )
    store.close()
    return home


def test_the_json_document_has_the_fields_of_the_contract(changed: Home) -> None:
    document = changed.run("changes", "symbol:sh600519", "--json").json

    assert document[0] == {
        "docid": "aaaa", "title": "营收\x1b[31m", "path": "a/aaaa.md", "at": "2026-09-30T05:00:00.000+00:00",
        "kind": "gone", "from": 2, "to": None, "evidence": "status 404",
    }  # fmt: skip
    assert [(each["kind"], each["from"], each["to"], each["evidence"]) for each in document[1:]] == [
        ("retitled", "营收", "营收\x1b[31m", None), ("revised", 1, 2, "增长[-4.8%-]{+4.9%+}。"),
    ]  # fmt: skip


def test_people_see_what_changed_and_no_control_characters(changed: Home) -> None:
    out = changed.run("changes", "--limit", "4").out

    assert "2026-09-30 13:00:00+08:00  gone  营收" in out
    assert "  status 404" in out
    assert "revised 1 -> 2" in out
    assert "增长[-4.8%-]{+4.9%+}。" in out
    assert "aaaa 新浪财经 sh600519" in out
    assert "\x1b" not in out
    assert changed.run("changes", "找不到的").out == "No changes were found.\n"


def test_options_restrict_the_changes(changed: Home) -> None:
    def count(*options: str) -> int:
        return len(changed.run("changes", "--json", *options).json)

    assert count() == 50
    assert count("--since", "2026-09-01") == 63
    assert count("--since", "2026-09-30") == count("--since", "2026-09-30", "--until", "now") == 3
    assert count("--since", "9999d") == 63
    assert count("--since", "2026-09-30T12:00+08:00", "--until", "2026-09") == 3
    assert count("--until", "2026-09-29", "--limit", "100") == 60
    assert count("--feed", "stock") == 3
    assert count("--kind", "gone", "--kind", "retitled") == 2
    assert count("--limit", "2") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--feed", "nope"), "there is no feed 'nope'; there are china"),
        (("--since", "2026-10-01", "--until", "2026-09-01"), "--since 2026-10-01 is after --until 2026-09-01"),
        (("--since", "gestern"), "gestern"),
        (("--kind", "edited"), "'edited'"),
        (("symbol:",), "symbol:"),
    ],
)
def test_mistakes_are_refused(changed: Home, options: tuple[str, ...], message: str) -> None:
    outcome = changed.run("changes", *options)
    assert outcome.status == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
