"""Import sqlite-utils without pandas and numpy.

sqlite-utils imports both if they are installed, as with the extra for Parquet. It needs them for column types that
the index does not have, and the import takes a second of every command. See D114.
"""

from __future__ import annotations

from archive.model.hidden_imports import hidden_imports

with hidden_imports("pandas", "numpy"):
    from sqlite_utils import Database, Migrations

__all__ = ["Database", "Migrations"]
