"""An index that the system opens for reading only is refused when it is opened, not at each write."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from archive.model.errors import NotWritableError
from archive.store import Store
from tests.archive.test_output import as_nobody


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_index_that_can_only_be_read_is_refused_at_once(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    index = tmp_path / "index.db"
    Store.open(index).close()
    tmp_path.chmod(0o777)
    index.chmod(0o666)
    assert as_nobody(lambda: Store.open(index).close()) == 0
    index.chmod(0o444)

    def opens() -> None:
        with pytest.raises(NotWritableError):
            Store.open(index)

    assert as_nobody(opens) == 0


def test_an_index_that_another_program_writes_to_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.index.connection.BUSY_TIMEOUT_SECONDS", 0.01)
    index = tmp_path / "index.db"
    Store.open(index).close()
    other = sqlite3.connect(index)
    other.execute("BEGIN IMMEDIATE")
    Store.open(index).close()
    other.close()
