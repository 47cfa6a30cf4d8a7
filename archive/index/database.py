"""Import sqlite-utils without pandas and numpy.

sqlite-utils imports both if they are installed, as with the extra for Parquet. It needs them for column types that
the index does not have, and the import takes a second of every command. See D114.
"""

from __future__ import annotations

import sys
from typing import Any

_UNWANTED = [name for name in ("pandas", "numpy") if name not in sys.modules]
_modules: dict[str, Any] = sys.modules
_modules.update(dict.fromkeys(_UNWANTED))  # None: an import fails, as if they were not installed
try:
    from sqlite_utils import Database, Migrations
finally:
    for _name in _UNWANTED:
        del _modules[_name]

__all__ = ["Database", "Migrations"]
