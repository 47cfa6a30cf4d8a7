"""`python -m crawler.parsing FD CPU_SECONDS MEMORY_BYTES` runs the tasks that come in over the socket FD."""

from __future__ import annotations

import sys

from crawler.parsing.process import main

main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
