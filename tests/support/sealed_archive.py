"""Archives with sealed days, for tests of manifests and anchors."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from archive.archive import Archive
from archive.files.layout import history_path, manifests_path
from archive.integrity.seal import seal
from archive.model.article import Post, Revision
from archive.model.feed import Entry, Filing, Poll
from tests.support.fetches import version

DAY = datetime(2026, 9, 28, 4, tzinfo=UTC)  # noon in China
DAYS = ("2026-09-28", "2026-09-29", "2026-09-30")


def add_article(archive: Archive, docid: str, at: datetime, number: int = 1) -> None:
    """Archive a version of an article."""
    entry = Entry(docid, f"https://a.cn/{docid}", docid, at, None, None, None, None)
    if number == 1:
        poll = Poll("china", at, 1, (entry,), (), caught_up=True)
        archive.store.listings.commit_poll(poll, Filing(("金融",), "金融"), {docid: ["china"]}, {docid: "a.cn"})
    data = f"{docid} {number}".encode()
    path = f"金融/它's 一个 “题”_{docid}.md"
    post = Post(PurePosixPath(path), data, history_path(path, number - 1) if number > 1 else None)
    archive.write_posts([post])
    sha256 = hashlib.sha256(data).hexdigest()
    revision = Revision(docid, number, path, sha256, docid, at, at, fingerprint=f"{number}")
    archive.store.articles.commit([version(revision)], [None])


def make_sealed_archive(root: Path, days: int = len(DAYS)) -> Path:
    """Make an archive with an article on each of some days, all sealed; return its folder of manifests."""
    with Archive(root, "test", DAY) as archive:
        for number in range(days):
            add_article(archive, f"{'abc'[number] * 4}", DAY + timedelta(days=number))
        assert seal(archive.root, archive.store, DAY + timedelta(days=days)) == list(DAYS[:days])
    return manifests_path(root)


def root_of(folder: Path, day: str) -> str:
    """The sha256 of a manifest."""
    return hashlib.sha256((folder / f"{day}.tsv").read_bytes()).hexdigest()
