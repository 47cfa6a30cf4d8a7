"""How many requests for lists a day costs: polls, and the sweep. Simulated, without a network.

Articles of a feed are published mostly by day; polls come as often as the daemon's, and read with its own rules.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from datetime import timedelta
from pathlib import Path

from archive.files.paths import CHINA
from archive.store import Store
from bench.figures import record
from scheduler.policy.arrival_rate import EMPTY, learn
from scheduler.policy.intervals import Pace, next_poll
from tests.support.simulated_feed import ListedArticle, SimulatedFeed

BEGIN = 1_790_000_000 - 1_790_000_000 % 86_400 - 8 * 3600  # midnight in China
DAY = 86_400
PACE = Pace(timedelta(minutes=1), timedelta(hours=1), timedelta(minutes=5))  # as configured by default
LATE = (0.057, 7 * 3600)  # share of the late articles, and the longest lateness, as measured
DAYS = 4  # the last one counts


def articles_of(a_day: int, dice: random.Random) -> list[ListedArticle]:
    """Articles of some days, most of them from 7 to 22 hours in China."""
    articles = []
    for day in range(-20, DAYS):
        for _ in range(a_day):
            hour = dice.triangular(7, 22) if dice.random() < 0.9 else dice.uniform(0, 24)
            published = int(BEGIN + day * DAY + hour * 3600)
            late = dice.randrange(1800, LATE[1]) if dice.random() < LATE[0] else dice.randrange(5, 300)
            articles.append(ListedArticle(f"d{len(articles):06d}", published, published + late))
    return articles


def measure(a_day: int, folder: Path) -> tuple[int, int, int]:
    """Return the number of polls, of requests of polls, and of requests of the sweep, of the last day."""
    dice = random.Random(a_day)
    store = Store.open(folder / f"{a_day}.db")
    store._db.execute("PRAGMA synchronous = OFF")
    feed = SimulatedFeed(store, articles_of(a_day, dice), BEGIN, notices_equal_pages=True)
    rate, swept = EMPTY, False
    polls = requests = sweep = 0
    while feed.clock < BEGIN + DAYS * DAY:
        before, at = feed.requests, feed.now
        new = feed.poll().new
        if new:  # the times between two polls do not matter to the rate of an hour
            since = rate.until or at - timedelta(days=1)
            rate = learn(rate, since, at, [since + (at - since) * each / new for each in range(new)])
        is_last_day = feed.clock >= BEGIN + (DAYS - 1) * DAY
        polls += is_last_day
        requests += (feed.requests - before) * is_last_day
        hour = feed.now.astimezone(CHINA).hour
        if hour == 3 and not swept:
            before = feed.requests
            feed.sweep()
            sweep = feed.requests - before
        swept = hour == 3
        due = next_poll(
            rate, PACE, feed.now, last_poll=at, last_success=at, trouble=0, spread=dice.random(), cron_next=None
        )
        feed.clock = max(feed.clock + 1, due.timestamp())
    store.close()
    return polls, requests, sweep


def main() -> None:
    """Print a line for each number of articles a day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--a-day", type=int, nargs="+", default=[600, 300, 100, 30])
    numbers = parser.parse_args().a_day
    with tempfile.TemporaryDirectory() as folder:
        for a_day in numbers:
            polls, requests, sweep = measure(a_day, Path(folder))
            record(f"list requests a day, {a_day} articles", requests, "requests")
            print(
                f"{a_day:>5} articles a day: {polls} polls, {requests} list requests of polls, {sweep} of the sweep "
                f"({sweep / requests:.1%})"
            )


if __name__ == "__main__":
    main()
