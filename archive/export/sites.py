"""Export as content folders for the site generators Hugo and Hexo. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from archive.export.formats import Archived, Export
from archive.files.post import read_back, render
from archive.model.article import Article, Post

# Characters that make a generator ignore a file, or that it cannot put into a URL. Each is replaced by its full-width
# form, which looks the same. Names stay unique, because each contains the docid (D97).
_REPLACED_FOR_HUGO = re.compile(r"^#")
_REPLACED_FOR_HEXO = re.compile(r"^_|%")
# In Markdown, an HTML block ends at a blank line, and text indented by four spaces after one is code.
_BLANK = re.compile(r"\n(?:[ \t]*\n)+")
_BLANK_IN_PRE = re.compile(r"\n(?=[ \t]*\n)")
_PRE = re.compile(r"(<pre\b.*?</pre>)", re.DOTALL)
_FULL_WIDTH = {ord(each): ord(each) + 0xFEE0 for each in "#_%"}


def to_hugo(export: Export) -> Iterator[Post]:
    """Write files for Hugo's folder ``content``: profile ``hugo``, at the paths of the archive."""
    return _rendered(export, "hugo", _REPLACED_FOR_HUGO)


def to_hexo(export: Export) -> Iterator[Post]:
    """Write files for Hexo's folder ``source/_posts``: profile ``extended``, at the paths of the archive."""
    return _rendered(export, "extended", _REPLACED_FOR_HEXO)


def _rendered(export: Export, profile: str, replaced: re.Pattern[str]) -> Iterator[Post]:
    for record in export.records:
        if archived := export.archived(record):
            yield replace(_post(archived, profile), path=_path(record.path, replaced))


def _post(archived: Archived, profile: str) -> Post:
    revision, filed = archived.revision, read_back(archived.data)
    article = Article(
        docid=revision.docid,
        url=revision.url,
        title=revision.title,
        published=revision.published,
        body=filed.body if filed.markdown else without_blank_lines(filed.body),
        image=filed.image,
        fetched_at=revision.fetched_at,
        updated=revision.updated,
        media=revision.media,
        keywords=revision.keywords,
        symbols=revision.symbols,
        editor=revision.editor,
        original_title=revision.original_title,
        pictures=revision.pictures,
        authors=revision.authors,
        precision=revision.precision,
    )
    return render(article, filed.categories, filed.author, profile, markdown=filed.markdown)


def without_blank_lines(body: str) -> str:
    """Remove blank lines from HTML, so that Markdown passes it on unchanged; a browser shows the same page."""
    place = body.rfind("</pre>") + len("</pre>") if "</pre>" in body else 0  # after it, no beginning has an end
    parts = _PRE.split(body[:place])
    parts[-1] += body[place:]
    parts[::2] = [_BLANK.sub("\n", part) for part in parts[::2]]
    parts[1::2] = [_BLANK_IN_PRE.sub("&#10;", part) for part in parts[1::2]]
    return "".join(parts).strip("\n")


def _path(path: str, replaced: re.Pattern[str]) -> PurePosixPath:
    parts = PurePosixPath(path).parts
    return PurePosixPath(*(replaced.sub(lambda match: match[0].translate(_FULL_WIDTH), part) for part in parts))
