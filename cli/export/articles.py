"""Exports that have the HTML of articles: feeds, and folders of files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from archive.export.folder import ensure_apart, fill
from archive.export.formats import Export, Folder, Stream
from archive.files.output import own_descriptor
from archive.model.errors import ArchiveError
from archive.model.results import Record
from archive.query.parser import Query
from archive.revision_files import RevisionFiles
from cli.context import CommandContext
from cli.export.images import ImageFolder
from cli.export.options import ExportOptions
from cli.export.output import write_stream

if TYPE_CHECKING:
    from archive.union.store import AnyStore

logger = logging.getLogger("finarchive")


def write_articles(
    context: CommandContext,
    options: ExportOptions,
    kind: Stream | Folder,
    store: AnyStore,
    query: Query,
) -> None:
    """Write articles with their HTML and their kept images.

    :param store: within a snapshot
    :raises ArchiveError: files of articles are missing; everything else is written
    """
    missing = _MissingFiles()
    roots, time = [each.root for each in store.stores], options.time(context.now())

    def kept(url: str) -> Path | None:
        paths = ((each.root, each.images.path_of(url, time)) for each in store.stores)
        return next((root / path for root, path in paths if path and (root / path).is_file()), None)

    output = options.output
    has_folder = isinstance(kind, Stream) and output and _is_file(output)
    images = ImageFolder(output, kept, options.base_url or "") if output and has_folder else None
    export = Export(
        store.search.each(query, time, newest=options.newest()),
        RevisionFiles(store, missing.add).read,
        options.query_text(),
        time or context.now(),
        kept,
        images.link if images else lambda url: None,
        output,
    )
    if isinstance(kind, Stream):
        write_stream(kind.write(export), output, roots)
        if images:
            images.remove_others()
    elif output:
        for other in roots[1:]:
            ensure_apart(output, other)
        fill(output, roots[0], kind.write(export))
    missing.raise_if_any()


def _is_file(path: Path) -> bool:
    """Whether an output to a path is a file, and no device or pipe."""
    return own_descriptor(path) is None and (path.is_file() or not path.exists())


class _MissingFiles:
    """Counts the articles whose files are missing, or not as recorded."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, record: Record) -> None:
        self._count += 1
        logger.warning("no-file docid=%s revision=%d path=%s", record.docid, record.revision, record.path)

    def raise_if_any(self) -> None:
        """Report the missing files, after everything else is written.

        :raises ArchiveError: there are missing files
        """
        if self._count:
            raise ArchiveError(
                f"{self._count} files are missing or not as recorded, and not in the export: "
                "finarchive verify --repair may restore them"
            )
