"""The schedule of a soak: the stories of a day, and the events. Pure.

Times are minutes of the mock site's clock since the beginning, unless marked as Unix seconds. Everything follows from
the seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mocksite.faults import FaultName
from mocksite.site import Edit, Story, make_stories
from mocksite.story import MAX_LAG, MIN_LAG

BEGIN = 1_790_643_600  # Unix seconds: Tuesday, 2026-09-29, 09:00 in China
MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds

# Lists by lid, and the share of the stories in each. Nearly every story is in the first.
LISTS = {1686: 0.9, 2519: 0.4, 2671: 0.3, 2672: 0.15, 1690: 0.05}
INITIAL_STORIES = 60  # stories at the beginning: more than a page of the broadest list
RETITLED, DELETED = 0.08, 0.05  # shares of the stories; larger than at the real site, so that a day has dozens

# Minutes during which an outage has effects: the back-off of the host, and the longer interval of the feed.
AFTERMATH_MINUTES = 20

STARTUP_MINUTES = 30  # until the daemon has read every list once; a few real seconds

# Each kind of outage: the fault, the pattern of the requests, and other arguments.
FAULTS: dict[str, tuple[FaultName, str, dict[str, Any]]] = {
    "403": ("status", "", {"status": 403}),
    "429": ("status", "", {"status": 429, "retry_after": 120}),
    "456": ("status", "roll", {"status": 456}),
    "500": ("status", "", {"status": 500}),
    "404 pages": ("status", "doc-i", {"status": 404}),
    "HTML for JSON": ("html", "roll", {}),
    "an empty list": ("empty-list", "roll", {}),
    "an empty page": ("empty-page", "roll", {}),
    "an error in JSON": ("error-list", "roll", {}),
    "broken items": ("broken-item", "roll", {}),
    "half a JSON": ("not-json", "roll", {}),
    "resets": ("reset", "", {}),
    "closed connections": ("close", "", {}),
    "stalls": ("stall", "doc-i", {}),
    "dripping": ("drip", "", {}),
    "cut answers": ("truncate", "", {}),
    "cut unnoticed": ("truncate-silent", "", {}),
    "cut gzip": ("cut-gzip", "", {}),
    "empty answers": ("empty", "", {}),
    "redirect loop": ("redirect-loop", "", {}),
    "soft 404": ("soft-404", "doc-i", {}),
    "64 MiB": ("huge", "doc-i", {"times": 4}),
    "a gzip bomb": ("bomb", "doc-i", {"times": 2}),
}


class Event(Struct, frozen=True):
    """An event, and how long articles may be late because of it."""

    at: float
    what: str  # "kill", for the method `on_kill` of `bench.soak_run.Soak`
    name: str = ""  # which one: the key of a fault, the configuration of a reload
    felt: float = 0.0  # minutes


class Day(Struct, frozen=True):
    """The length and the content of a soak."""

    speed: float  # seconds of the mock site's clock in one second
    minutes: int
    busy: float  # stories an hour from 9 to 16
    events: tuple[Event, ...]
    seed: int


def whole_day(seed: int) -> Day:
    """A day and the next morning: outages by day, a second round in the evening, then a quiet time.

    The last life of the daemon is the longest: it has a round of outages, the night, and a busy morning.
    """
    dice = random.Random(seed)
    events = [
        *_outages(dice, STARTUP_MINUTES, list(FAULTS), 9),
        *_kills(dice, 30, 280, 4),
        *_reloads(60, 120, 200),
        *_period("port", "closed", 300, 450),  # 135 new articles in the broad list: more than a poll reads
        *_period("disk", "full", 480, 520),
        Event(500, "kill", felt=5),
        Event(530, "kill", felt=5),
        *_outages(dice, 570, list(FAULTS), 8),
        *_period("clock", "+7200", 840, 870),
        *_period("clock", "-10800", 890, 920),
        *_reloads(600, 700, 790),
        *_period("name", "lost", 900, 940),
        *_period("list", "old", 945, 985),
        *_period("disk", "full", 1000, 1030),
    ]
    return Day(144, 28 * 60, 60, _sorted(events), seed)


def short_day(seed: int) -> Day:
    """Five hours in a minute, with short outages and a clock twice as fast."""
    dice = random.Random(seed)
    some = ["403", "429", "500", "HTML for JSON", "an empty list", "half a JSON", "resets", "dripping", "soft 404"]
    events = [
        *_outages(dice, STARTUP_MINUTES, some[:4], 6),
        *_period("port", "closed", 70, 130),
        Event(133, "kill", felt=5),
        *_period("disk", "full", 145, 162),
        Event(155, "kill", felt=5),
        *_reloads(170, 175, 185),
        *_outages(dice, 190, some[4:], 6),
        *_period("clock", "+7200", 245, 255),
    ]
    return Day(300, 300, 110, _sorted(events), seed)


def _sorted(events: list[Event]) -> tuple[Event, ...]:
    return tuple(sorted(events, key=lambda event: event.at))


def _outages(dice: random.Random, at: float, names: list[str], longest: float) -> Iterator[Event]:
    """Outages one after the other, in random order, each of half to all of ``longest`` minutes."""
    for name in dice.sample(names, len(names)):
        end = at + longest * dice.uniform(0.5, 1)
        yield Event(at, "fault", name, end - at)
        yield Event(end, "mend")
        at = end + 3


def _kills(dice: random.Random, first: float, last: float, number: int) -> Iterator[Event]:
    for _ in range(number):
        yield Event(dice.uniform(first, last), "kill", felt=5)


def _reloads(good: float, bad: float, held: float) -> Iterator[Event]:
    for at, name in ((good, "good"), (bad, "bad"), (held, "held"), (held + 5, "good")):
        yield Event(at, "reload", name, 3)


def _period(what: str, name: str, start: float, end: float) -> Iterator[Event]:
    yield Event(start, what, name, end - start)
    yield Event(end, f"{what}-again")


def hour_of(moment: float) -> int:
    """The hour of the day in China.

    :param moment: Unix seconds
    """
    return int(moment + 8 * HOUR) % DAY // HOUR


def hourly(day: Day, hour: int) -> float:
    """Stories an hour by hour of the day in China, with the shape of the real lists."""
    if 9 <= hour < 16:
        return day.busy
    return day.busy / 3 if 16 <= hour < 22 else day.busy / 4 if 6 <= hour < 9 else day.busy / 15


def make_day(day: Day) -> list[Story]:
    """The stories of a day; those from before the beginning come first."""
    dice = random.Random(f"{day.seed} stories")
    entering = [BEGIN - MINUTE * 5 * number - HOUR for number in range(INITIAL_STORIES)]
    at, end = float(BEGIN), BEGIN + day.minutes * MINUTE
    while True:
        at += dice.expovariate(hourly(day, hour_of(at)) / HOUR)
        if at >= end:
            break
        entering.append(int(at))
    return [
        _story(story, intime, end, dice)
        for story, intime in zip(make_stories(len(entering), newest=BEGIN, seed=day.seed), entering, strict=True)
    ]


def _story(story: Story, intime: int, end: int, dice: random.Random) -> Story:
    ctime = intime - dice.randint(MIN_LAG, MAX_LAG)
    lids = tuple(lid for lid, share in LISTS.items() if dice.random() < share) or (1686,)
    changes: dict[str, Any] = {}
    if intime > BEGIN and dice.random() < RETITLED:
        changes["edits"] = (Edit(intime + dice.randint(600, 3600), title=f"{story.title}（更新）"),)
    elif intime > BEGIN and dice.random() < DELETED and (gone := intime + dice.randint(300, 14_400)) < end:
        changes["deleted_at"] = gone
    return replace(story, ctime=ctime, mtime=ctime, intime=intime, lids=lids, **changes)


def outage_spans(day: Day) -> list[tuple[float, float]]:
    """Spans of Unix seconds in which articles may be late, or may be missed if they are deleted meanwhile."""
    return [(BEGIN, BEGIN + STARTUP_MINUTES * MINUTE)] + [
        (BEGIN + (event.at - 1) * MINUTE, BEGIN + (event.at + event.felt + AFTERMATH_MINUTES) * MINUTE)
        for event in day.events
        if event.felt
    ]
