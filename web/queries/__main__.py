"""`python -P -m web.queries FD INDEX...` runs a reader's own SQL, which comes in over the socket FD."""

import os
import sys
from pathlib import Path

# Before the imports, which take a third of a second: after a kill, the archive's own pages come first.
os.nice(15)

from web.queries.process import main  # noqa: E402

main(int(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
