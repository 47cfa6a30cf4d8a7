"""What is served as bytes: answers as the site sent them, and pictures that are kept."""

from __future__ import annotations

import re

from archive.archive import journal_path
from archive.journal.warc import read_at
from archive.model.fetch import Observation, RawResponse
from archive.model.image import ENDINGS, picture_path
from archive.store import Store
from web.request import BadRequestError, File, NotFoundError, Request, SiteContext
from web.security import POLICY_OF_RAW

# What a site may call its encoding, for the browser to be told the same.
_CHARSET = re.compile(r"charset=[\"']?([A-Za-z0-9_-]{1,40})")


def raw(asked: Request, store: Store, library: SiteContext) -> File:
    """An answer of the site, as text that runs nothing; with ``download`` the message as it was sent."""
    fetch = _look(asked, store)
    group = read_at(journal_path(library.root), fetch.place) if fetch.place else None
    if group is None or group.response is None:
        raise NotFoundError("存档中没有这次访问的原始页面")
    if "download" in asked.args:
        name = f"{fetch.docid}-{fetch.at:%Y%m%dT%H%M%SZ}.http"
        headers = {"content-disposition": f'attachment; filename="{name}"', "content-security-policy": POLICY_OF_RAW}
        return File(_message(group.response), "application/octet-stream", headers)
    try:
        body = library.unpacked(group.response)
    except ValueError as error:
        raise BadRequestError(f"原始页面无法解压（{error}）；可加 ?download 下载原样字节") from error
    return File(body, f"text/plain; charset={_charset(group.response)}", {"content-security-policy": POLICY_OF_RAW})


def picture(asked: Request, store: Store, library: SiteContext) -> File:
    """A picture that is kept, by the sha256 of its bytes."""
    sha256 = asked.path["sha256"]
    media_type = store.images.media_type(sha256) if library.images else None
    path = library.root / picture_path(sha256, media_type) if media_type in ENDINGS else None
    if path is None or path.is_symlink() or not path.is_file():
        raise NotFoundError("档案中没有这张图片")
    # The same bytes for ever: their digest is the address.
    headers = {"cache-control": "private, max-age=31536000, immutable", "content-security-policy": POLICY_OF_RAW}
    return File(path.read_bytes(), str(media_type), headers)


def _look(asked: Request, store: Store) -> Observation:
    docid, file, offset = asked.path["docid"], asked.path["file"], int(asked.path["offset"])
    for fetch in store.stats.fetches(docid, asked.time):
        if fetch.place and (fetch.place.file, fetch.place.offset) == (file, offset):
            return fetch
    raise NotFoundError("存档中没有这次访问")


def _charset(response: RawResponse) -> str:
    stated = next((value for name, value in response.headers if name.lower() == "content-type"), "")
    found = _CHARSET.search(stated) or _CHARSET.search(response.body[:2048].decode("latin-1"))
    return found[1].lower() if found else "utf-8"


def _message(response: RawResponse) -> bytes:
    """The answer as HTTP has it: its status, its headers as received, its body as sent."""
    head = [f"HTTP/1.1 {response.status}", *(f"{name}: {value}" for name, value in response.headers)]
    return "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + response.body
