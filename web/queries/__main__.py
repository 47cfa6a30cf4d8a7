"""`python -P -m web.queries FD INDEX` runs a reader's own SQL, which comes in over the socket FD."""

from __future__ import annotations

import sys
from pathlib import Path

from web.queries.process import main

main(int(sys.argv[1]), Path(sys.argv[2]))
