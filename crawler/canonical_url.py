"""The canonical form of an address: two addresses with the same form are of one page. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

# Parameters that say where a reader comes from, or which session it is, and never which page is meant. The names are
# those of the senders' own documentation: Google Analytics and Ads, Matomo, HubSpot, Adobe, Mailchimp, Facebook,
# Microsoft, Yandex, Alibaba (spm, scm), WeChat and Toutiao (share parameters).
_TRACKING_PREFIXES = ("utm_", "mtm_", "pk_", "hsa_", "_hs", "at_", "share_", "aspsessionid")
_TRACKING = frozenset({
    "gclid", "gclsrc", "dclid", "wbraid", "gbraid", "fbclid", "msclkid", "yclid", "ysclid", "twclid", "ttclid",
    "li_fat_id", "igshid", "mc_cid", "mc_eid", "_ga", "_gl", "s_cid", "cmpid", "cmp", "ocid", "wt.mc_id",
    "ns_mchannel", "ns_source", "ns_campaign", "ns_linkname", "vero_id", "mkt_tok", "trk", "spm", "scm",
    "isappinstalled", "nsukey",
    "wxshare_count", "sharefrom", "shareto", "sharesource", "tt_from", "tt_medium", "tt_campaign", "wxfrom",
    "phpsessid", "jsessionid", "sessionid", "session_id", "cfid", "cftoken",
})  # fmt: skip
# "from" says where a page was shared only with these values; with others it may select what the page shows.
_SHARED_FROM = frozenset({
    "timeline", "singlemessage", "groupmessage", "weibo", "wechat", "weixin", "qq", "qzone", "rss", "feed", "share",
    "app",
})  # fmt: skip
_SESSION_IN_PATH = re.compile(r";jsessionid=[\w.!-]*", re.IGNORECASE | re.ASCII)
_DEFAULT_PORT = re.compile(r"^(http://[^/?#@]*):80(?=[/?#]|$)|^(https://[^/?#@]*):443(?=[/?#]|$)")


def canonical_form(url: str) -> str:
    """Return the canonical form of an absolute address, without its scheme.

    Host in lower case and as ASCII, no default port, dot segments resolved, percent-encoding as short as it can be,
    parameters sorted and without tracking parameters and session ids, no fragment except one that a script reads.
    Of what is no address, the part after its scheme.
    """
    from w3lib.url import canonicalize_url  # noqa: PLC0415 - most commands import this module and call no function

    page, _, fragment = url.strip().partition("#")
    try:
        whole = canonicalize_url(_without_tracking(_SESSION_IN_PATH.sub("", page, count=1)))
    except ValueError:
        whole = page
    whole = _DEFAULT_PORT.sub(lambda match: match[1] or match[2], whole)
    if fragment.startswith(("/", "!")):
        whole += f"#{fragment}"
    return whole.partition("://")[2] or whole


def _without_tracking(page: str) -> str:
    before, mark, query = page.partition("?")
    if not mark:
        return page
    if not any(_is_tracking(*item) for item in parse_qsl(query, keep_blank_values=True)):
        return page if query else before
    kept = [item for item in parse_qsl(query, keep_blank_values=True) if not _is_tracking(*item)]
    return f"{before}?{urlencode(kept)}" if kept else before


def _is_tracking(name: str, value: str) -> bool:
    name = name.lower()
    if name == "from":
        return value.lower() in _SHARED_FROM
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)
