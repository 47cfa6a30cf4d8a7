"""Answers that are torn, too large or lead nowhere, over HTTP: what a crawl makes of them."""

from __future__ import annotations

import pytest

from mocksite.server import MockSite
from tests.conftest import Home


@pytest.mark.parametrize("gzip", [True, False])  # compressed, it is within the limit until it is unpacked
def test_a_robots_txt_of_megabytes_is_read_up_to_its_limit_and_obeyed(
    home: Home, mocksite: MockSite, gzip: bool
) -> None:
    mocksite.gzip = gzip
    rules = "".join(f"Disallow: /nothing/{number}/\n" for number in range(100_000))
    home.configure(mocksite.endpoint)
    mocksite.site.robots_text = f"User-agent: *\n{rules}Disallow: /\n"
    assert home.run("crawl", "--json", "--limit", "3").json["archived"] == 3
    mocksite.site.robots_text = f"User-agent: *\nDisallow: /\n{rules}"
    assert home.run("crawl", "--json").json["archived"] == 0


@pytest.mark.slow
def test_pages_that_are_cut_are_archived_whole_once_they_are(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("not-json", match="doc-i")
    assert home.run("crawl", "--json").json["archived"] == 0
    mocksite.clear_faults()
    assert home.run("crawl", "--json").json["archived"] == 12
    assert home.run("verify", "--deep").status == 0


@pytest.mark.slow
def test_pages_that_are_always_cut_are_archived_at_the_second_look(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("not-json", match="doc-i")
    first, second = (home.run("crawl", "--json").json for _ in range(2))
    assert first["archived"] == 0
    assert second["archived"] == 6  # of the others, half of the page has no article
    assert home.run("verify", "--deep").status == 0


def test_a_redirect_to_no_address_costs_its_page_only(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("redirect", match="doc-i", times=1, to="http://[bad/")
    outcome = home.run("crawl", "--json")
    assert outcome.json["archived"] == 11
    assert "Traceback" not in outcome.err


@pytest.mark.slow
def test_a_robots_txt_that_stalls_is_requested_again(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint)
    mocksite.fault("stall", match="robots.txt", seconds=3)
    outcome = home.run("crawl", "--json", FINARCHIVE_NETWORK_TIMEOUT="1")
    assert (outcome.json["archived"], "Traceback" in outcome.err) == (0, False)
    mocksite.clear_faults()
    home.run("retry", "--json")
    assert home.run("crawl").status == 0
    assert len(home.files()) == 12
