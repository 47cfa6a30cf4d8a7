"""The library that the index stands on, without what it would bring along.

sqlite-utils imports pandas and numpy where they are installed, as they are with the extra for Parquet: for columns
that nothing here has, and a second of every command's time. See D114.
"""

from __future__ import annotations

import sys
from typing import Any

_UNWANTED = [name for name in ("pandas", "numpy") if name not in sys.modules]
_modules: dict[str, Any] = sys.modules
_modules.update(dict.fromkeys(_UNWANTED))  # None: as if they were not installed
try:
    from sqlite_utils import Database, Migrations
finally:
    for _name in _UNWANTED:
        del _modules[_name]

__all__ = ["Database", "Migrations"]
