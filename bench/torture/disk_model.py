"""A model of a disk: what recorded operations on files may have left after a power failure.

The bytes of a file are on the disk once the file is synced, and a name once its folder is. Of what is not synced, any
part may be there: each write whole, torn or not at all, and each name or not, whatever the order. Only two things are
taken for granted, as every journaling file system keeps them: a rename is one step, and a later change of a name
replaces an earlier one.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, field

_HEAD = struct.Struct("<c7xQQIIII")
SECTORS = (512, 4096)  # sizes in which a disk tears a write


class Operation(Struct, frozen=True):
    """A recorded operation; bench/torture/recorder.c lists the kinds."""

    kind: str
    inode: int
    number: int  # offset of a write, size of a truncation
    path: str
    second: str
    data: bytes


def read_record(record: bytes) -> Iterator[Operation]:
    """Parse what the recorder wrote."""
    offset = 0
    while offset < len(record):
        kind, inode, number, *lengths, _ = _HEAD.unpack_from(record, offset)
        offset += _HEAD.size
        parts = []
        for length in lengths:
            parts.append(record[offset : offset + length])
            offset += length
        yield Operation(kind.decode(), inode, number, os.fsdecode(parts[0]), os.fsdecode(parts[1]), parts[2])


class File(Struct, eq=False):
    """A file: its bytes on the disk, and the changes that are not synced."""

    data: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # offset and bytes; size and None

    def sync(self) -> None:
        """Put the changes on the disk."""
        for change in self.pending:
            _apply(self.data, *change)
        self.pending.clear()


class Change(Struct, eq=False):
    """A change of names in one folder; None for a name that goes."""

    names: dict[str, Node | None]
    other: tuple[Folder, Change] | None = None  # of a rename from a folder: the new name in the other folder


class Folder(Struct, eq=False):
    """A folder: its names on the disk, those that the process sees, and the changes that are not synced."""

    names: dict[str, Node] = field(default_factory=dict)
    seen: dict[str, Node] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)

    def change(self, change: Change) -> None:
        """Change names, as the process sees them."""
        _rename(self.seen, change)
        self.pending.append(change)

    def sync(self) -> None:
        """Put the changes on the disk; a rename to another folder with its other half."""
        while self.pending:
            change = self.pending.pop(0)
            _rename(self.names, change)
            if change.other and change.other[1] in change.other[0].pending:
                folder, half = change.other
                folder.pending.remove(half)
                _rename(folder.names, half)


Node = File | Folder


class Disk:
    """A disk on which recorded operations are repeated.

    :param base: the folder that the recorded process changed, as it was before; all of it is on the disk
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._inodes: dict[int, Node] = {}
        self.top = self._scan(base)

    def _scan(self, folder: Path) -> Folder:
        names: dict[str, Node] = {}
        for path in folder.iterdir():
            if path.is_dir():
                names[path.name] = self._scan(path)
            elif path.is_file():
                inode = path.stat().st_ino
                names[path.name] = self._inodes.setdefault(inode, File(bytearray(path.read_bytes())))
        node = Folder(names, dict(names))
        self._inodes[folder.stat().st_ino] = node
        return node

    def repeat(self, operation: Operation) -> bool:
        """Repeat an operation; return False if it concerns nothing on this disk."""
        match operation.kind:
            case "W" | "T" | "S":
                return self._on_inode(operation)
            case "A":
                self.sync()
                return True
        old, new = self._find(operation.path), self._find(operation.second)
        if old is None or (operation.second and new is None):
            return False
        folder, name = old
        match operation.kind:
            case "C" | "M":
                known = self._inodes.get(operation.inode)
                if folder.seen.get(name) is known is not None:
                    return False  # an existing file was opened
                node: Node = File() if operation.kind == "C" else Folder()
                self._inodes[operation.inode] = node
                folder.change(Change({name: node}))
            case "U" | "D":
                folder.change(Change({name: None}))
            case "L" if new:
                new[0].change(Change({new[1]: folder.seen[name]}))
            case "R" if new:
                _move(folder, name, *new)
        return True

    def _on_inode(self, operation: Operation) -> bool:
        node = self._inodes.get(operation.inode)
        if node is None:
            return False
        if operation.kind == "S":
            node.sync()
        elif isinstance(node, File):
            node.pending.append((operation.number, operation.data if operation.kind == "W" else None))
        return True

    def sync(self) -> None:
        """Put everything on the disk."""
        for node in self._inodes.values():
            node.sync()

    def is_synced(self, *paths: str) -> bool:
        """Return True if files, as far as they exist, have no change that is not synced."""
        found = [place for path in paths if (place := self._find(f"{self._base}/{path}"))]
        nodes = [folder.seen.get(name) for folder, name in found]
        return not any(node.pending for node in nodes if node)

    def _find(self, path: str) -> tuple[Folder, str] | None:
        """Return the folder of a path, and the name in it; None if it is not on this disk."""
        try:
            *folders, name = Path(os.path.normpath(path)).relative_to(self._base).parts  # it contains no links
        except ValueError:
            return None
        node: Node | None = self.top
        for each in folders:
            node = node.seen.get(each) if isinstance(node, Folder) else None
        return (node, name) if isinstance(node, Folder) else None

    def state(self, choose: Choice) -> dict[str, bytes | None]:
        """Return what is on the disk after a power failure: the bytes of each file, None for a folder.

        :param choose: which changes are there that were not synced
        """
        made = choose.names([change for node in self._folders() for change in node.pending])
        result: dict[str, bytes | None] = {}
        contents: dict[int, bytes] = {}  # two names of a file have the same bytes

        def add(folder: Folder, prefix: str) -> None:
            names = dict(folder.names)
            for change in folder.pending:
                if change in made:
                    _rename(names, change)
            for name, node in sorted(names.items()):
                if isinstance(node, Folder):
                    result[f"{prefix}{name}"] = None
                    add(node, f"{prefix}{name}/")
                else:
                    if id(node) not in contents:
                        contents[id(node)] = choose.data(node)
                    result[f"{prefix}{name}"] = contents[id(node)]

        add(self.top, "")
        return result

    def _folders(self) -> list[Folder]:
        return [node for node in self._inodes.values() if isinstance(node, Folder)]


class Choice(Struct, frozen=True):
    """Which changes are on the disk although nobody synced them.

    :param share: of the changes; 0 for none, 1 for all
    """

    share: float
    randomness: random.Random

    def names(self, changes: list[Change]) -> set[Change]:
        """Choose changes of names. A name that moved to another folder is gone only if it has arrived there."""
        made = {change for change in changes if self._is_made()}
        return {change for change in made if not change.other or change.other[1] in made | _synced(change)}

    def data(self, file: File) -> bytes:
        """Choose what a file contains."""
        data = bytearray(file.data)
        for offset, written in file.pending:
            if self._is_made():
                _apply(data, offset, written)
            elif written and self.share > 0 and self._is_made():
                sector = self.randomness.choice(SECTORS)
                torn = self.randomness.randrange(0, len(written) // sector + 1) * sector
                _apply(data, offset, written[:torn])
        return bytes(data)

    def _is_made(self) -> bool:
        return self.share == 1 or (self.share > 0 and self.randomness.random() < self.share)


def write_state(state: dict[str, bytes | None], folder: Path) -> None:
    """Write a state of :meth:`Disk.state` into an empty folder."""
    for name, data in state.items():
        if data is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(data)


def _synced(change: Change) -> set[Change]:
    """Return the other half of a rename if it is on the disk."""
    folder, half = change.other or (None, None)
    return {half} if folder and half and half not in folder.pending else set()


def _move(folder: Folder, name: str, target: Folder, new: str) -> None:
    node = folder.seen[name]
    if target is folder:
        folder.change(Change({name: None, new: node}))
        return
    arrival = Change({new: node})
    target.change(arrival)
    folder.change(Change({name: None}, (target, arrival)))


def _rename(names: dict[str, Node], change: Change) -> None:
    for name, node in change.names.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _apply(data: bytearray, offset: int, written: bytes | None) -> None:
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    if written is None:
        del data[offset:]
    else:
        data[offset : offset + len(written)] = written
