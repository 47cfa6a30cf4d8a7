"""Views that return bytes: raw responses of the site, and stored images."""

from __future__ import annotations

import re

from archive.files.layout import image_path, journal_path
from archive.journal.warc import read_at
from archive.model.fetch import Observation, RawResponse
from archive.model.image import IMAGE_EXTENSIONS
from archive.store import Store
from archive.union.store import AnyStore
from web.http.security import POLICY_OF_RAW
from web.rendering.language import gettext as _
from web.request import BadRequestError, File, NotFoundError, Request, SiteContext

# The name of a response's encoding, to pass on to the browser.
_CHARSET = re.compile(r"charset=[\"']?([A-Za-z0-9_-]{1,40})")


def raw(request: Request, store: AnyStore, site: SiteContext) -> File:
    """Return a raw response of the site as plain text; with ``download``, the HTTP message as it was sent."""
    own = store.of(request.path["docid"])
    fetch = _find_fetch(request, own)
    group = read_at(journal_path(own.root), fetch.position) if fetch.position else None
    if group is None or group.response is None:
        raise NotFoundError(_("存档中没有这次访问的原始页面"))
    if "download" in request.args:
        name = f"{fetch.docid}-{fetch.at:%Y%m%dT%H%M%SZ}.http"
        headers = {"content-disposition": f'attachment; filename="{name}"', "content-security-policy": POLICY_OF_RAW}
        return File(_message(group.response), "application/octet-stream", headers)
    try:
        body = site.decode_body(group.response)
    except ValueError as error:
        message = _("原始页面无法解压（%(error)s）；可加 ?download 下载原样字节")
        raise BadRequestError(message % {"error": error}) from error
    return File(body, f"text/plain; charset={_charset(group.response)}", {"content-security-policy": POLICY_OF_RAW})


def image(request: Request, store: AnyStore, site: SiteContext) -> File:
    """Return a stored image by the sha256 of its bytes."""
    sha256 = request.path["sha256"]
    for each in store.stores if site.images else ():
        media_type = each.images.media_type(sha256)
        path = each.root / image_path(sha256, media_type) if media_type in IMAGE_EXTENSIONS else None
        if path and not path.is_symlink() and path.is_file():
            break
    else:
        raise NotFoundError(_("档案中没有这张图片"))
    # The URL contains the digest, so the bytes never change.
    headers = {"cache-control": "private, max-age=31536000, immutable", "content-security-policy": POLICY_OF_RAW}
    return File(path.read_bytes(), str(media_type), headers)


def _find_fetch(request: Request, store: Store) -> Observation:
    docid, file, offset = request.path["docid"], request.path["file"], int(request.path["offset"])
    for fetch in store.stats.fetches(docid, request.time):
        if fetch.position and (fetch.position.file, fetch.position.offset) == (file, offset):
            return fetch
    raise NotFoundError(_("存档中没有这次访问"))


def _charset(response: RawResponse) -> str:
    content_type = next((value for name, value in response.headers if name.lower() == "content-type"), "")
    match = _CHARSET.search(content_type) or _CHARSET.search(response.body[:2048].decode("latin-1"))
    return match[1].lower() if match else "utf-8"


def _message(response: RawResponse) -> bytes:
    """Return the HTTP message: the status line, the headers as received, and the body as sent."""
    head = [f"HTTP/1.1 {response.status}", *(f"{name}: {value}" for name, value in response.headers)]
    return "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + response.body
