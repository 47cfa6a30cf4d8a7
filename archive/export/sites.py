"""Folders that site generators build from: Hugo and Hexo. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from archive.export.formats import Archived, Export
from archive.files.post import read_back, render
from archive.model.article import Article, Post

# Names that a generator passes over, or cannot write an address of, and what stands in the place of the character:
# its full-width twin, that looks the same. Names stay as different as they were, for each holds its docid. See D97.
_UNSEEN_BY_HUGO = re.compile(r"^#")
_UNSEEN_BY_HEXO = re.compile(r"^_|%")
# In Markdown HTML ends at a blank line, and what stands four spaces in after one is code.
_BLANK = re.compile(r"\n(?:[ \t]*\n)+")
_BLANK_IN_PRE = re.compile(r"\n(?=[ \t]*\n)")
_PRE = re.compile(r"(<pre\b.*?</pre>)", re.DOTALL)
_FULL_WIDTH = {ord(each): ord(each) + 0xFEE0 for each in "#_%"}


def to_hugo(export: Export) -> Iterator[Post]:
    """A folder for Hugo's ``content``: files of the profile ``hugo``, at the paths that the archive has them at."""
    return _rendered(export, "hugo", _UNSEEN_BY_HUGO)


def to_hexo(export: Export) -> Iterator[Post]:
    """A folder for Hexo's ``source/_posts``: files of the profile ``extended``, at the archive's paths."""
    return _rendered(export, "extended", _UNSEEN_BY_HEXO)


def _rendered(export: Export, profile: str, unseen: re.Pattern[str]) -> Iterator[Post]:
    for record in export.records:
        if archived := export.archived(record):
            yield replace(_post(archived, profile), path=_path(record.path, unseen))


def _post(archived: Archived, profile: str) -> Post:
    told, filed = archived.revision, read_back(archived.data)
    article = Article(
        docid=told.docid,
        url=told.url,
        title=told.title,
        published=told.published,
        body=unbroken(filed.body),
        image=filed.image,
        fetched_at=told.fetched_at,
        updated=told.updated,
        media=told.media,
        keywords=told.keywords,
        symbols=told.symbols,
        editor=told.editor,
        original_title=told.original_title,
        pictures=told.pictures,
    )
    return render(article, filed.categories, filed.author, profile)


def unbroken(body: str) -> str:
    """HTML without blank lines, of which Markdown takes nothing for its own; what a browser shows stays the same."""
    parts = _PRE.split(body)
    parts[::2] = [_BLANK.sub("\n", part) for part in parts[::2]]
    parts[1::2] = [_BLANK_IN_PRE.sub("&#10;", part) for part in parts[1::2]]
    return "".join(parts).strip("\n")


def _path(path: str, unseen: re.Pattern[str]) -> PurePosixPath:
    parts = PurePosixPath(path).parts
    return PurePosixPath(*(unseen.sub(lambda found: found[0].translate(_FULL_WIDTH), part) for part in parts))
