"""Copies of kept images, in a folder beside an export that is one file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from archive.files.output import open_output
from cli.context import cannot_write

_COPY = re.compile(r"[0-9a-f]{64}\.[a-z0-9]+")  # the name of an image in the archive: its sha256


class ImageFolder:
    """Copies images when they are linked, and removes those that are linked no more.

    :param file: of the export; the folder has its name, with ``.images`` at the end
    :param kept: returns the file of an image by its address; None: it is not kept
    :param base_url: where the folder of the file is served; "": links are relative
    """

    def __init__(self, file: Path, kept: Callable[[str], Path | None], base_url: str) -> None:
        self._folder = file.parent / f"{file.stem}.images"
        self._kept = kept
        self._base_url = base_url if not base_url or base_url.endswith("/") else f"{base_url}/"
        self._names: set[str] = set()

    def link(self, url: str) -> str | None:
        """The link of an image's copy; None if the image is not kept.

        :raises CommandError: the copy cannot be written
        """
        image = self._kept(url)
        if image is None:
            return None
        copy = self._folder / image.name
        if image.name not in self._names and not copy.is_file():
            try:
                self._folder.mkdir(exist_ok=True)
                with open_output(copy) as file:
                    file.write(image.read_bytes())
            except OSError as error:
                raise cannot_write(copy, error) from error
        self._names.add(image.name)
        return f"{self._base_url}{quote(self._folder.name)}/{image.name}"

    def remove_others(self) -> None:
        """Remove copies of images that an earlier export has linked.

        :raises CommandError: one cannot be removed
        """
        for path in self._folder.glob("*"):
            if _COPY.fullmatch(path.name) and path.name not in self._names:
                try:
                    path.unlink()
                except OSError as error:
                    raise cannot_write(path, error) from error
