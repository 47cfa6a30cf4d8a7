"""A power failure after any operation on a file: the archive recovers, and loses nothing that it had committed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from bench.torture.disk_model import Choice, Disk, Operation, read_record
from bench.torture.power_loss import run
from bench.torture.recording import Recorder
from tests.support.examples import examples
from tests.support.tools import needs

REPOSITORY = Path(__file__).parents[2]
SECONDS = examples(60)  # of the sample
SEED = 20261130


@pytest.mark.slow
@pytest.mark.sized
@needs("cc")
def test_an_archive_recovers_from_a_power_failure_after_any_operation() -> None:
    assert run(SECONDS, SEED, print) == []


# The model itself. A program changes files under the recorder, and the states that it may leave are listed.


@pytest.fixture(scope="module")
def recorder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorder")
    (folder / "disk").mkdir()
    Recorder(folder, folder / "disk")
    return folder


State = tuple[tuple[str, bytes | None], ...]


def record(recorder_folder: Path, disk: Path, program: str) -> tuple[Disk, list[Operation]]:
    """Run a program in a folder; return the disk as it was before, and what the program did."""
    model, path = Disk(disk), disk.parent / "record"
    recording = {"LD_PRELOAD": str(recorder_folder / "recorder.so"), "FILE_RECORD": str(path)}
    env = os.environ | recording | {"PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", program], cwd=disk, env=env, check=True)
    return model, list(read_record(path.read_bytes()))


def states(recorder_folder: Path, disk: Path, program: str) -> set[State]:
    """Run a program in a folder, and return what a power failure after its end may leave there."""
    model, operations = record(recorder_folder, disk, program)
    for operation in operations:
        model.repeat(operation)
    return {
        tuple(sorted(model.state(Choice(share, random.Random(number))).items()))
        for share in (0, 1, 0.3, 0.7)
        for number in range(40)
    }


WRITE = """
import os
def write(name, data, sync):
    file = os.open(name, os.O_WRONLY | os.O_CREAT)
    os.write(file, data)
    if sync:
        os.fsync(file)
    os.close(file)
def sync_folder(name):
    folder = os.open(name, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    folder = tmp_path / "disk"
    folder.mkdir()
    (folder / "a").write_bytes(b"old")
    return folder


@needs("cc")
def test_a_file_that_is_not_synced_may_have_its_name_and_no_bytes(recorder_folder: Path, disk: Path) -> None:
    program = WRITE + "write('new', b'text', False); os.rename('new', 'a'); sync_folder('.')"
    assert states(recorder_folder, disk, program) == {(("a", b""),), (("a", b"text"),)}


@needs("cc")
def test_a_file_that_is_synced_and_renamed_is_whole_under_one_of_the_names(recorder_folder: Path, disk: Path) -> None:
    program = WRITE + "write('new', b'text', True); os.rename('new', 'a')"
    assert states(recorder_folder, disk, program) == {
        (("a", b"old"),), (("a", b"old"), ("new", b"text")), (("a", b"text"),)
    }  # fmt: skip


@needs("cc")
def test_a_rename_to_another_folder_loses_nothing(recorder_folder: Path, disk: Path) -> None:
    program = WRITE + "os.mkdir('b'); sync_folder('.'); os.rename('a', 'b/c'); sync_folder('.')"
    assert states(recorder_folder, disk, program) == {(("b", None), ("b/c", b"old"))}


@needs("cc")
def test_a_file_in_a_folder_that_is_not_synced_in_its_parent_may_be_gone(recorder_folder: Path, disk: Path) -> None:
    program = WRITE + "os.mkdir('b'); write('b/c', b'text', True); sync_folder('b')"
    assert states(recorder_folder, disk, program) == {
        (("a", b"old"),), (("a", b"old"), ("b", None), ("b/c", b"text"))
    }  # fmt: skip


@needs("cc")
def test_a_write_that_is_not_synced_may_be_torn(recorder_folder: Path, disk: Path) -> None:
    program = WRITE + "write('b', b'x' * 1024, True); sync_folder('.'); write('b', b'y' * 1024, False)"
    contents = {dict(state)["b"] for state in states(recorder_folder, disk, program)}
    assert contents == {b"x" * 1024, b"y" * 512 + b"x" * 512, b"y" * 1024}


@needs("cc")
def test_a_link_and_a_removal_may_happen_or_not(recorder_folder: Path, disk: Path) -> None:
    program = WRITE + "os.link('a', 'b'); os.unlink('a')"
    found = {tuple(name for name, _ in state) for state in states(recorder_folder, disk, program)}
    assert found == {("a",), ("b",), ("a", "b"), ()}, "a link whose removal is there and which is not is lost"


PLACE_INDEX = """
import sqlite3
from pathlib import Path
from pipeline.staging import place_index
root = Path.cwd()
inner = root / ".finarchive"
connection = sqlite3.connect(inner / "index.db")
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("CREATE TABLE old (a)")  # stays in the log while this connection is open
place_index(root, inner / "rebuild.db", quarantine=False)
"""


@needs("cc")
def test_a_rebuilt_index_never_meets_the_write_ahead_log_of_the_old_one(recorder_folder: Path, disk: Path) -> None:
    inner = disk / ".finarchive"
    inner.mkdir()
    (inner / "rebuild.db").write_bytes(b"the new index")
    model, operations = record(recorder_folder, disk, PLACE_INDEX)
    replaced = 0
    for operation in operations:
        model.repeat(operation)
        for number, share in enumerate((0, 1, *[0.5] * 8)):
            state = model.state(Choice(share, random.Random(number)))
            if state.get(".finarchive/index.db") == b"the new index":
                replaced += 1
                assert not state.get(".finarchive/index.db-wal")
    assert replaced
