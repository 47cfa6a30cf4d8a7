"""Layout of an archive: where everything below ``.finarchive`` is. Pure.

Only articles are outside ``.finarchive``, so that Hexo can use the archive's folder as it is.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

# Names relative to the archive's root, with ``/`` between them, as manifests and reports have them.
INNER_FOLDER = ".finarchive"
HISTORY_FOLDER = f"{INNER_FOLDER}/history"
IMAGES_FOLDER = f"{INNER_FOLDER}/images"
LINKS_FOLDER = f"{INNER_FOLDER}/links"
MANIFESTS_FOLDER = f"{INNER_FOLDER}/manifests"
QUARANTINE_FOLDER = f"{INNER_FOLDER}/quarantine"
REBUILD_FOLDER = f"{INNER_FOLDER}/rebuild"


def inner_path(root: Path) -> Path:
    """Folder of everything that is not an article."""
    return root / INNER_FOLDER


def index_path(root: Path) -> Path:
    """The index, an SQLite database."""
    return root / INNER_FOLDER / "index.db"


def journal_path(root: Path) -> Path:
    """Folder of the journal's WARC files."""
    return root / INNER_FOLDER / "warc"


def manifests_path(root: Path) -> Path:
    """Folder of the daily manifests, ``YYYY-MM-DD.tsv``."""
    return root / MANIFESTS_FOLDER


def lock_path(root: Path) -> Path:
    """The lock file of the process that writes to the archive."""
    return root / INNER_FOLDER / "lock"


def unfinished_path(root: Path) -> Path:
    """Folder of files that are being written and have no name in the archive yet."""
    return root / INNER_FOLDER / "unfinished"


def demo_path(root: Path) -> Path:
    """Marks the archive of a demo. It contains the time of the newest article of the demo's site, in Unix seconds."""
    return root / INNER_FOLDER / "demo"


def mirror_status_path(root: Path) -> Path:
    """What the last process that copied the journal to a mirror says of it."""
    return root / INNER_FOLDER / "mirror.json"


def replica_path(root: Path) -> Path:
    """Marks a replica, and says what it has of its mirror."""
    return root / INNER_FOLDER / "replica.json"


def rebuild_path(root: Path) -> Path:
    """Folder in which a rebuild builds the new index and files."""
    return root / REBUILD_FOLDER


def backup_path(root: Path) -> Path:
    """Folder of the copy of the index while a backup is made."""
    return root / INNER_FOLDER / "backup"


def quarantine_path(root: Path) -> Path:
    """Folder of files that a rebuild or a repair has replaced."""
    return root / QUARANTINE_FOLDER


def history_path(path: PurePosixPath | str, number: int) -> PurePosixPath:
    """The file of a superseded revision, relative to the archive's root.

    :param path: of the article's file, relative to the root
    :param number: of the revision
    """
    return PurePosixPath(HISTORY_FOLDER, f"{str(path).removesuffix('.md')}.{number}.md")


def revision_path(path: str, number: int, newest: int) -> str:
    """The file of a revision, relative to the archive's root.

    :param path: of the article's file, relative to the root
    :param number: of the revision
    :param newest: the number of the article's newest revision, whose file has the article's path
    """
    return path if number == newest else str(history_path(path, number))


def image_path(sha256: str, media_type: str) -> PurePosixPath:
    """The file of an image, relative to the archive's root. It depends only on the image's bytes.

    :param sha256: of the bytes, hex
    :param media_type: a key of ``IMAGE_EXTENSIONS``
    """
    from archive.model.image import IMAGE_EXTENSIONS  # noqa: PLC0415 - all commands import this module

    return PurePosixPath(IMAGES_FOLDER, sha256[:2], f"{sha256}.{IMAGE_EXTENSIONS[media_type]}")


def image_link_path(url: str) -> PurePosixPath:
    """The second name of an image's file, relative to the archive's root. It depends only on the image's address.

    :param url: of the image, as in the article
    """
    from archive.files.hashing import sha256_of  # noqa: PLC0415 - as above
    from archive.model.image import IMAGE_EXTENSIONS  # noqa: PLC0415

    name = sha256_of(url.encode("utf-8", "surrogatepass"))[:32]
    extension = PurePosixPath(urlsplit(url).path).suffix.lower().replace(".jpeg", ".jpg")
    known = extension.removeprefix(".") in IMAGE_EXTENSIONS.values()
    return PurePosixPath(LINKS_FOLDER, name[:2], f"{name}{extension if known else ''}")
