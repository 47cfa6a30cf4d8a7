"""How far a list is read: whole pages, down to known articles."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.model.feed import Entry, Failure, FailureKind, Listing, Validators
from crawler.paging.poll import KNOWN_PAGES, NextPage, PollState, add_page, add_single_page

AT = datetime(2026, 9, 30, 2, tzinfo=UTC)
URL = "https://finance.sina.com.cn/a/doc-i{}.shtml"


def entry(docid: str, title: str = "") -> Entry:
    return Entry(docid, URL.format(docid), title, None, None, None, None, None)


def listing(docids: str) -> Listing:
    """A page of a list: a letter for each item, ``!`` for one that cannot be understood."""
    return Listing(
        tuple(entry(docid) for docid in docids if docid != "!"),
        tuple(
            Failure(f"item{place}", FailureKind.UNREADABLE, "") for place, docid in enumerate(docids) if docid == "!"
        ),
    )


def read(pages: list[str], known: str = "", max_pages: int = 20) -> tuple[PollState, NextPage]:
    """Read a list as the spider does: page by page, while the next page is CONTINUE; an empty page ends the list."""
    reading, what = PollState("china", AT), NextPage.CONTINUE
    for page in [*pages, ""]:
        if what is not NextPage.CONTINUE:
            break
        reading, what = add_page(reading, listing(page), set(page) & set(known), max_pages)
    return reading, what


@pytest.mark.parametrize(
    ("pages", "known", "read_pages", "what"),
    [
        # A first poll reads to the end.
        (["abc", "def"], "", 3, NextPage.END),
        ([], "", 1, NextPage.END),
        # A page of known items proves little, two of them enough; what lies below them is not read.
        (["abc", "def", "ghi"], "abcdefghi", 2, NextPage.CAUGHT_UP),
        (["axc", "def", "ghi", "jkl"], "acdefghijkl", 3, NextPage.CAUGHT_UP),
        # The first known item proves nothing, and no single known page does.
        (["abc", "dex", "fgh", "ijk", "lmn"], "abcdefghijklmn", 4, NextPage.CAUGHT_UP),
        (["abc", "xyz", "def", "uvw"], "abcdef", 5, NextPage.END),
        # Items that slip to the next page while the list is read count as known there, but not on their own.
        (["axc", "cde", "fgh", "ijk"], "acdefghijk", 3, NextPage.CAUGHT_UP),
        (["abc", "cde", "efg"], "", 4, NextPage.END),
        # A page that repeats what was read ends the list: the API gives its last page again and again.
        (["abc", "abc", "def"], "", 2, NextPage.END),
        (["abc", "cb", "def"], "", 2, NextPage.END),
        # Items that cannot be understood are no reason to stop.
        (["!!!", "abc"], "", 3, NextPage.END),
        (["ab!", "def", "ghi"], "abdefghi", 2, NextPage.CAUGHT_UP),
    ],
)
def test_a_list_is_read_on_until_known_articles_or_its_end(
    pages: list[str], known: str, read_pages: int, what: NextPage
) -> None:
    reading, reason = read(pages, known)
    assert (reading.pages, reason) == (read_pages, what)


@pytest.mark.parametrize(
    ("pages", "known", "max_pages", "what"),
    [
        (["abc", "def", "ghi"], "", 2, NextPage.LIMIT),
        (["abc"], "", 1, NextPage.LIMIT),
        (["abc"], "abc", 1, NextPage.LIMIT),  # one known page is not enough
        (["abc", "def"], "abcdef", 2, NextPage.CAUGHT_UP),  # catching up on the last allowed page is not a limit
        (["abc", "abc"], "", 2, NextPage.END),
        ([], "", 1, NextPage.END),
    ],
)
def test_a_poll_stops_at_its_page_limit(pages: list[str], known: str, max_pages: int, what: NextPage) -> None:
    assert read(pages, known, max_pages)[1] is what


def test_known_articles_end_a_poll_after_n_known_pages_in_a_row() -> None:
    pages = [chr(ord("a") + number) for number in range(26)]
    assert read(pages, "".join(pages))[0].pages == KNOWN_PAGES


def test_entries_are_each_there_once_in_the_lists_order_and_failures_all() -> None:
    reading, _ = read(["ab!", "bc", "cd!"])
    assert [found.docid for found in reading.entries] == list("abcd")
    assert len(reading.failures) == 2
    assert reading.seen == set("abcd")


def test_known_entries_are_in_the_poll_too() -> None:
    """Needed for the store's comparisons: titles, times, the gap."""
    assert [found.docid for found in read(["abc", "def"], "abcdef")[0].entries] == list("abcdef")


def test_an_item_listed_twice_on_a_page_counts_once_as_first_listed() -> None:
    page = Listing((entry("a", "newer"), entry("b"), entry("a", "older")))
    reading, _ = add_page(PollState("china", AT), page, set(), 20)
    assert {found.docid: found.title for found in reading.entries} == {"a": "newer", "b": ""}


def test_an_item_that_a_page_lists_twice_counts_at_its_first_place() -> None:
    page = Listing((entry("a"), entry("b"), entry("a")))
    assert [found.docid for found in add_page(PollState("china", AT), page, set(), 20)[0].entries] == ["a", "b"]


def test_a_poll_state_becomes_a_poll_of_the_pages_read() -> None:
    reading, _ = read(["abc", "d!"])
    error = Failure("china", FailureKind.TEMPORARY, "time-out")
    poll = reading.poll(caught_up=False, error=error)
    assert (poll.feed, poll.at, poll.pages, poll.caught_up, poll.error) == ("china", AT, 3, False, error)
    assert (poll.entries, poll.failures) == (reading.entries, reading.failures)
    assert reading.poll(caught_up=True).error is None


def test_of_three_days_of_real_polls_no_docid_is_missed(shared: Path) -> None:
    known: set[str] = set()
    listed: set[str] = set()
    taken: set[str] = set()
    with gzip.open(shared / "realdata/lists/polls-2024-03-18..20.jsonl.gz", "rt", encoding="utf-8") as lines:
        polls = [json.loads(line)["rows"] for line in lines]
    assert len(polls) == 292
    for rows in polls:
        docids = [docid for docid, _, _ in rows]
        listed |= set(docids)
        page = Listing(tuple(entry(docid, title) for docid, _, title in rows))
        reading, what = add_page(PollState("all", AT), page, set(docids) & known, 20)
        if what is NextPage.CONTINUE:
            reading, what = add_page(reading, Listing(()), set(), 20)
        assert what is NextPage.END
        taken |= {found.docid for found in reading.poll(caught_up=True).entries}
        known |= taken
    assert taken == listed


@pytest.mark.parametrize(
    ("page", "known", "met"),
    [
        ("abcdef", "f", True),
        ("abcdef", "d", True),  # its end may hold one out of its order
        ("abcdef", "a", False),  # pinned on top: it proves nothing
        ("abcdef", "", False),
        ("ab", "ab", True),
    ],
)
def test_a_list_of_one_page_meets_what_was_known_at_its_end(page: str, known: str, met: bool) -> None:
    after = add_single_page(PollState("china", AT), listing(page), set(known))
    poll = after.poll(caught_up=True)
    assert (poll.reaches_known, poll.pages, [each.docid for each in poll.entries]) == (met, 1, list(page))


def test_validators_of_a_list_are_removed_with_its_entries() -> None:
    validators = Validators('"1"', None)
    after = add_single_page(PollState("china", AT, validators=validators), listing("aab"), set())
    assert after.poll(caught_up=True).validators == validators
    assert [each.docid for each in after.poll(caught_up=True).entries] == ["a", "b"]
