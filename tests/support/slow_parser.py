"""`finarchive`, with an article whose parsing does not end: `python -m tests.support.slow_parser DOCID crawl ...`."""

from __future__ import annotations

import sys
from functools import partial

from cli.main import main
from crawler.parsing import articles
from tests.support.parser_tasks import parse_for_ever

if __name__ == "__main__":
    articles._parse = partial(parse_for_ever, sys.argv.pop(1))  # type: ignore[assignment]
    main()
