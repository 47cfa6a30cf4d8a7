"""Parser processes for tests in process: they are started once."""

from __future__ import annotations

import atexit

from crawler.parsing.pool import ParserPool

PARSERS = ParserPool()
atexit.register(PARSERS.close)
