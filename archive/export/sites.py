"""Export as content folders for the site generators Hugo and Hexo."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from archive.export.formats import Archived, Export
from archive.files.local_images import with_linked_images
from archive.files.post import read_back, render
from archive.model.article import Article, Post

IMAGES = "images"  # the folder of images in the export
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
    """Write files for Hugo's folder ``content``: profile ``hugo``, at the paths of the archive.

    Links of images are relative to the address that Hugo gives to a page: a folder with the name of the file.
    """
    return _rendered(export, "hugo", _REPLACED_FOR_HUGO, lambda path: "../" * len(path.parts))


def to_hexo(export: Export) -> Iterator[Post]:
    """Write files for Hexo's folder ``source/_posts``: profile ``extended``, at the paths of the archive.

    Links of images begin at the site's root, because Hexo's addresses of pages have nothing to do with their files.
    """
    return _rendered(export, "extended", _REPLACED_FOR_HEXO, lambda _: hexo_address(export.folder))


def hexo_address(folder: Path | None) -> str:
    """Return the address on a Hexo site of a folder, which is below the site's ``source``, or else in ``_posts``."""
    parts = folder.absolute().parts if folder else ()
    below = parts[len(parts) - parts[::-1].index("source") :] if "source" in parts else ("_posts", *parts[-1:])
    return quote("/".join(("", *below, "")))


def _rendered(
    export: Export, profile: str, replaced: re.Pattern[str], base: Callable[[PurePosixPath], str]
) -> Iterator[Post]:
    """Yield the files of articles, and those of their images before them.

    :param base: returns the link of the export's folder on the page of a file
    """
    written: set[str] = set()  # names of images
    for record in export.records:
        if archived := export.archived(record):
            path = _path(record.path, replaced)
            post = _post(archived, path, profile, base(path), export)
            for url in {each.url for each in archived.revision.pictures}:
                image = export.image(url)
                if image and image.name not in written:
                    written.add(image.name)
                    yield Post(PurePosixPath(IMAGES, image.name), image.read_bytes())
            yield post


def _post(archived: Archived, path: PurePosixPath, profile: str, base: str, export: Export) -> Post:
    revision, filed = archived.revision, read_back(archived.data)
    urls = {unquote(each.url) for each in revision.pictures}

    def link(url: str) -> str | None:
        image = export.image(url) if unquote(url) in urls else None
        return f"{base}{IMAGES}/{image.name}" if image else None

    body = with_linked_images(filed.body, link, markdown=filed.markdown, keeps_address=False)
    article = Article(
        docid=revision.docid,
        url=revision.url,
        title=revision.title,
        published=revision.published,
        body=body if filed.markdown else without_blank_lines(body),
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
    return render(article, filed.categories, filed.author, profile, fixed_path=path, markdown=filed.markdown)


def without_blank_lines(body: str) -> str:
    """Remove blank lines from HTML, so that Markdown passes it on unchanged; a browser shows the same page."""
    place = body.rfind("</pre>") + len("</pre>") if "</pre>" in body else 0  # after it, no beginning has an end
    parts = _PRE.split(body[:place])
    parts[-1] += body[place:]
    parts[::2] = [_BLANK.sub("\n", part) for part in parts[::2]]
    parts[1::2] = [_BLANK_IN_PRE.sub("&#10;", part) for part in parts[1::2]]
    return "".join(parts).strip("\n")


def _path(path: str, replaced: re.Pattern[str]) -> PurePosixPath:
    parts = path.split("/")
    return PurePosixPath(
        "/".join(replaced.sub(lambda match: match[0].translate(_FULL_WIDTH), part) for part in parts)
    )
