"""Five hours of trouble in a minute: `make soak`, made small. Its figures are in docs/soak.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.soak import soak
from bench.soak_schedule import BEGIN, Day, make_day, outage_spans, short_day, whole_day

# So short a life has hardly begun: a quarter of it is a few seconds, and caches still fill.
FLAT = 0.15


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.timeout(600)  # a minute; several on a loaded machine
def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    lines: list[str] = []

    found = soak(short_day(seed=1), tmp_path, lines.append, max_growth=FLAT)

    assert found.wrong == [], "\n".join(
        [*found.wrong, *lines, *(f"{name}: {figure}" for name, figure in found.figures.items())]
    )
    assert not found.figures["gaps"].startswith("0 "), "the closed port was to leave a gap"


@pytest.mark.parametrize("day", [short_day(seed=2), whole_day(seed=2)], ids=["short", "whole"])
def test_a_day_has_no_two_outages_at_once(day: Day) -> None:
    ended = 0.0
    for event in day.events:
        if event.what in ("fault", "port", "clock"):
            assert event.at >= ended, event
        ended = max(ended, event.at + event.felt if event.what == "fault" else ended)
    assert ended < day.minutes


def test_a_day_is_busy_and_the_same_for_the_same_seed() -> None:
    stories = make_day(whole_day(seed=2))

    assert stories == make_day(whole_day(seed=2))
    assert len({story.docid for story in stories}) == len(stories) > 700
    assert any(story.edits for story in stories)
    assert any(story.deleted_at for story in stories)


def test_the_last_morning_of_a_whole_day_is_undisturbed() -> None:
    day = whole_day(seed=2)

    assert max(end for _, end in outage_spans(day)) < BEGIN + 20 * 3600
