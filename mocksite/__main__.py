"""`python -m mocksite`: serve until SIGTERM or SIGINT; the first line on stdout is the base URL."""

from __future__ import annotations

import argparse
import signal
import threading
import time

from mocksite.server import MockSite
from mocksite.story import MAX_LAG, make_stories


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mocksite", description=__doc__)
    parser.add_argument("--articles", type=int, default=200, metavar="N", help="number of articles (default: 200)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--no-gzip", action="store_true", help="never compress a response")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # An article enters the lists at most MAX_LAG after its ctime, so all of them are listed from the start.
    stories = make_stories(options.articles, newest=int(time.time()) - MAX_LAG)
    with MockSite(stories, now=lambda: int(time.time()), port=options.port, gzip=not options.no_gzip) as mocksite:
        print(mocksite.url, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
