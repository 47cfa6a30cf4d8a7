"""Hostile content, by name: HTML, JSON, XML, robots.txt and images that are hard to read. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from bench.torture.answers import MIB, Answer, sent

EDITOR = b'<p class="article-editor">'  # the last line of an article's body; hostile HTML goes before it
SPACES = " " * 200_000


def _html() -> dict[str, str]:
    """HTML that goes into the body of an article, or into a column."""
    n = 100_000
    return {
        "70,000 nested templates": "<template>" * 70_000,
        "100,000 nested div": "<div>" * n,
        "100,000 nested div with text": "<div>文" * n,
        "50,000 nested formatting elements": "<b><i><font color=x>" * 20_000,
        "20,000 nested tables": "<table><tr><td>" * 20_000,
        "20,000 nested lists": "<ul><li>" * 20_000,
        "50,000 nested svg": "<svg><g>" * 50_000,
        "50,000 nested math": "<math><mi>" * 50_000,
        "50,000 nested buttons, and ends": "<button><p>" * 50_000 + "</button>" * 50_000,
        "a p with 20,000 links": f"<p>{'<a href=/x>文</a>' * 20_000}</p>",
        "a p with 20,000 open links": f"<p>{'<a href=/x>文' * 20_000}</p>",
        "a center with 20,000 images": f"<center>{'<img src=/x.png>' * 20_000}</center>",
        "100,000 paragraphs": "<p>　　文</p>" * n,
        "500,000 line breaks": "<br>" * 500_000,
        "a tag with 200,000 attributes": f"<p {' '.join(f'a{number}=1' for number in range(200_000))}>文</p>",
        "a tag with 200,000 equal attributes": f"<p {'a=1 ' * 200_000}>文</p>",
        "an attribute of 5 MiB": f'<p title="{"x" * 5 * MIB}">文</p>',
        "an image in its address, 5 MiB": f'<img src="data:image/png;base64,{"A" * 5 * MIB}">',
        "an address with an open bracket": '<img src="http://[bad.png"><a href="http://[bad">文</a>',
        "addresses of every kind": "".join(f'<img src="{url}"><a href="{url}">文</a>' for url in ODD_ADDRESSES),
        "a comment that does not end": "<!--" + "-" * n,
        "100,000 beginnings of comments": "<!--x" * n,
        "100,000 less-than signs": "<" * n,
        "100,000 ends of nothing": "</p></div></b></template>" * 25_000,
        "CDATA": "<svg><![CDATA[" * 50_000,
        "a million character references": "&amp;" * 10**6,
        "character references of nonsense": "&#x110000;&#0;&#xD800;&nonsense;&" * 20_000,
        "a script of 5 MiB": f"<script>{'x' * 5 * MIB}</script>",
        "a plaintext element": "<plaintext>",
        "a text area that does not end": "<textarea>",
        "a frameset": "<frameset><frame src=/x></frameset>",
        "table cells of a million columns": "<table><tr><td colspan=1000000000 rowspan=1000000000>文</table>",
        "a word of 4 million letters": "文" * 10**6 + "x" * 10**6,
        "template slots": "{{" * n + "{%" * n + "}}" * n,
        "spaces before a letter": f"<p>{SPACES}x</p>",
        "brackets before spaces": f"<p>【{SPACES}（{SPACES}x</p>",
        "wide spaces": f"<p>{chr(0x3000) * 200_000}x</p>",
        "line ends": "<p>文" + "\n" * 500_000 + "</p>",
        "marks of direction": "\u202e\u200f\u2067" * n,
        "combining marks": "a" + "\u0301" * n,
        "noncharacters": "\uffff\ufffe\ufdd0" * 10_000,
    }


ODD_ADDRESSES = (
    "", " ", "#", "//", "///", "http:", "http://", "http://[::1", "http://]/", "http://a:b:c/", "http://a:99999/x.png",
    "javascript:x", "file:///etc/passwd", "data:,", "\x01http://x/", "http://x/\ud7ff.png", "http://%zz/", "?", "..",
    "../" * 1000, "http://" + "a." * 1000 + "/", "http://１２７.０.０.１/x.png", "http://xn--/", "http://\u2100.example/",
)  # fmt: skip

WHOLE_PAGES: dict[str, Callable[[bytes], bytes]] = {
    "no end of the page": lambda good: good.replace(b"</html>", b""),
    "no body": lambda good: b"<html><head><title>x</title></head></html>",
    "a title of 1 MiB": lambda good: re.sub(rb"<h1[^>]*>.*?</h1>", b"<h1>" + b"t" * MIB + b"</h1>", good, flags=re.S),
    "no title": lambda good: re.sub(rb"<h1[^>]*>.*?</h1>|<title>.*?</title>", b"", good, flags=re.S),
    "the time is of year 0": lambda good: re.sub(rb"20\d\d([-\xe5])", rb"0000\1", good),
    "the time is of year 99999": lambda good: re.sub(rb"20\d\d([-\xe5])", rb"99999\1", good),
    "the time is of month 99": lambda good: re.sub(rb"(20\d\d)-\d\d-\d\d", rb"\1-99-99", good),
    "a base of nonsense": lambda good: good.replace(b"<head>", b'<head><base href="http://[bad">'),
    "100,000 charsets": lambda good: good.replace(b"<head>", b"<head>" + b"<meta charset=gbk>" * 100_000),
    "100,000 meta elements": lambda good: good.replace(
        b"<head>", b"<head>" + b"<meta name=keywords content=x>" * 100_000
    ),
    "metadata nested 100,000 deep": lambda good: good.replace(
        b"<head>", b'<head><script type="application/ld+json">' + b"[" * 100_000 + b"</script>"
    ),
    "metadata of huge numbers": lambda good: good.replace(
        b"<head>",
        b'<head><script type="application/ld+json">{"datePublished":1e999,"x":' + b"9" * 10**5 + b"}</script>",
    ),
    "refresh": lambda good: good.replace(b"<head>", b'<head><meta http-equiv=refresh content="0;url=/x">'),
    "another article": lambda good: good.replace(b"doc-i", b"doc-iother"),
}
JSON_TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "arrays nested 100,000 deep": lambda good: b"[" * 100_000,
    "closed arrays nested 100,000 deep": lambda good: b"[" * 100_000 + b"]" * 100_000,
    "objects nested 100,000 deep": lambda good: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "result nested 100,000 deep": lambda good: good.replace(
        b'"data":', b'"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"data":', 1
    ),
    "a(), spaces, x": lambda good: b"a()" + SPACES.encode() + b"x",
    "try, spaces": lambda good: b"try{a(" + SPACES.encode() + b");}x",
    "a call that is not closed": lambda good: b"cb(" * 50_000 + good,
    "null": lambda good: b"null",
    "a number": lambda good: b"9" * 100_000,
    "text": lambda good: b'"' + b"x" * MIB + b'"',
    "a list": lambda good: b"[]",
    "an object": lambda good: b"{}",
    "NaN": lambda good: b"NaN",
    "keys twice": lambda good: good.replace(b'"data":', b'"data":null,"data":0,"data":', 1),
    "HTML": lambda good: b"<html><body>502</body></html>",
    "JSON and bytes after it": lambda good: good + b"{}",
    "JSON with comments": lambda good: b"/* x */" + good + b"// x",
}
# A member of an item, in place of the right one; the text of JSON, so that it need not be what Python writes.
ODD_VALUES = {
    "null": "null", "true": "true", "0": "0", "-1": "-1", "1e999": "1e999", "-1e999": "-1e999", "1e18": "1e18",
    "100,000 digits": "9" * 100_000, "a text of 5,000 digits": f'"{"9" * 5_000}"', "NaN": "NaN", "a list": "[]",
    "an object": "{}", "nothing": '""', "a lone surrogate": '"\\ud800"', "NUL": '"\\u0000"',
    "control characters": '"a\\u0001\\u001b[31m\\u007f\\u202e"', "a path": '"../../../../etc/passwd"',
    "a path with a drive": '"C:\\\\x"', "dots": '".."', "slashes": '"a/b/c"', "1 MiB": f'"{"字" * (MIB // 3)}"',
    "spaces": f'"{SPACES}x"', "a bracket and spaces": f'"【{SPACES}"', "tags": f'"{"<a href=x>" * 20_000}"',
    "an open bracket": '"http://[bad.png"', "javascript": '"javascript:alert(1)"', "a private address": '"http://10.0.0.1/"',
    "year 0": '"0000-01-01 00:00:00"', "year 9999": '"9999-12-31 23:59:59"', "year 99999": '"99999-12-31 23:59:59"',
    "nested JSON": json.dumps("[" * 50_000),
}  # fmt: skip
MEMBERS = {
    "roll": ("docid", "url", "title", "ctime", "mtime", "intime", "lids", "img", "images", "media_name", "keywords"),
    "live": ("id", "rich_text", "create_time", "update_time", "ext", "is_delete", "tag", "docurl"),
    "usstock": ("title", "url", "ctime", "media", "img", "keywords"),
}
ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
XML_TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "a billion laughs": lambda good: _declared(f'<!ENTITY l0 "ha">{ENTITIES}', good, b"&l9;"),
    "one long entity, often": lambda good: _declared(f'<!ENTITY l0 "{"x" * 50_000}">', good, b"&l0;" * 2_000),
    "an entity from a file": lambda good: _declared('<!ENTITY f SYSTEM "file:///etc/passwd">', good, b"&f;"),
    "an entity from the web": lambda good: _declared('<!ENTITY f SYSTEM "http://127.0.0.1:1/">', good, b"&f;"),
    "a parameter entity": lambda good: _declared('<!ENTITY % p SYSTEM "file:///dev/zero"> %p;', good, b"x"),
    "an entity that names itself": lambda good: _declared('<!ENTITY a "&b;"><!ENTITY b "&a;">', good, b"&a;"),
    "elements nested 100,000 deep": lambda good: good.replace(b"<item>", b"<item>" + b"<x>" * 100_000, 1),
    "HTML nested 100,000 deep in an item": lambda good: _described(good, b"&lt;div&gt;" * 100_000),
    "templates nested 70,000 deep in an item": lambda good: _described(good, b"&lt;template&gt;" * 70_000),
    "text of 5 MiB in an item": lambda good: _described(good, b"x" * 5 * MIB),
    "100,000 items": lambda good: good.replace(b"<item>", b"<item><title>x</title></item>" * 100_000 + b"<item>", 1),
    "100,000 namespaces": lambda good: good.replace(
        b"<rss", b"<rss " + b" ".join(b'xmlns:n%d="x"' % n for n in range(100_000)), 1
    ),
    "an item without anything": lambda good: good.replace(b"<item>", b"<item/><item>", 1),
    "no channel": lambda good: b'<?xml version="1.0"?><rss version="2.0"></rss>',
    "an unknown root": lambda good: b'<?xml version="1.0"?><x/>',
    "an unknown encoding": lambda good: good.replace(b'encoding="utf-8"', b'encoding="x-none"', 1),
    "a wrong encoding": lambda good: good.replace(b'encoding="utf-8"', b'encoding="utf-16"', 1),
    "encoding of a codec": lambda good: good.replace(b'encoding="utf-8"', b'encoding="zlib_codec"', 1),
    "odd bytes": lambda good: good.replace(b"<title>", b"<title>\x80\xff\x00\x0b"),
    "odd dates": lambda good: re.sub(rb"<pubDate>.*?<", b"<pubDate>Xyz, 99 Foo 0000 99:99:99 +9999<", good),
    "dates of year 9999": lambda good: re.sub(rb"<pubDate>.*?<", b"<pubDate>Fri, 31 Dec 9999 23:59:59 -1200<", good),
    "dates of 100,000 digits": lambda good: re.sub(rb"<pubDate>.*?<", b"<pubDate>" + b"9" * 100_000 + b"<", good),
    "odd links": lambda good: good.replace(b"<link>http://", b"<link>http://[", 3),
    "odd bases": lambda good: good.replace(b"<item>", b'<item xml:base="http://[bad">'),
    "odd members": lambda good: good.replace(
        b"<item>",
        b'<item><guid isPermaLink="x"/><enclosure/><category domain=""/><link/><media:content xmlns:media="m"/>',
    ),
    "Atom without ids": lambda good: b'<feed xmlns="http://www.w3.org/2005/Atom">' + b"<entry/>" * 1000 + b"</feed>",
    "RDF": lambda good: b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><item/></rdf:RDF>',
    "JSON": lambda good: b'{"version": "https://jsonfeed.org/version/1", "items": [null, 1]}',
    "HTML": lambda good: b"<html><body>502</body></html>",
}
ROBOTS: dict[str, Callable[[bytes], bytes]] = {
    "10 MiB": lambda good: b"Disallow: /x\n" * (10 * MIB // 13),
    "one line of 10 MiB": lambda good: b"User-agent: " + b"x" * 10 * MIB,
    "a pattern of stars": lambda good: b"User-agent: *\nDisallow: /" + b"a*" * 5_000 + b"b$\n",
    "a thousand patterns of stars": lambda good: b"User-agent: *\n" + (b"Disallow: /" + b"*a" * 60 + b"b$\n") * 1000,
    "stars for the path": lambda good: b"User-agent: *\nDisallow: /" + b"*/" * 40 + b"*-*-*i*n*r*x$\n",
    "100,000 groups": lambda good: b"User-agent: a\nDisallow: /\n\n" * 100_000,
    "100,000 user agents": lambda good: b"User-agent: a\n" * 100_000 + b"Disallow: /\n",
    "100,000 site maps": lambda good: b"Sitemap: http://x/\n" * 100_000,
    "a huge delay": lambda good: b"User-agent: *\nCrawl-delay: 1e999\nRequest-rate: 1/999999999\n",
    "a delay of nonsense": lambda good: b"User-agent: *\nCrawl-delay: -1\nCrawl-delay: abc\nRequest-rate: 0/0\n",
    "odd escapes": lambda good: b"User-agent: *\nDisallow: /%zz%\nDisallow: %00\nAllow: /\xff\xfe\n",
    "HTML": lambda good: b"<html>" * 10_000,
}
IMAGES: dict[str, Callable[[bytes], bytes]] = {
    "text": lambda good: b"no picture",
    "a picture and a page": lambda good: good + b"<html><script>x</script>",
    "SVG with a script": lambda good: b'<svg xmlns="http://www.w3.org/2000/svg"><script>x</script></svg>',
    "the first bytes of a picture": lambda good: good[:20],
    "a GIF of 65,535 squared": lambda good: b"GIF89a\xff\xff\xff\xff" + b"\0" * 100,
    "7 MiB": lambda good: good + b"\0" * 7 * MIB,
    "64 MiB": lambda good: good + b"\0" * 64 * MIB,
}


def content_answers() -> list[Answer]:
    """All answers of this module."""
    found = [Answer(name, ("page", "column"), _inserted(text)) for name, text in _html().items()]
    found += [Answer(name, ("page",), _changed(make)) for name, make in WHOLE_PAGES.items()]
    found += [Answer(f"JSON: {name}", tuple(MEMBERS), _changed(make)) for name, make in JSON_TEXTS.items()]
    found += [Answer(f"XML: {name}", ("rss",), _changed(make)) for name, make in XML_TEXTS.items()]
    found += [
        Answer(f"robots.txt: {name}", ("robots",), _changed(make, "text/plain")) for name, make in ROBOTS.items()
    ]
    found += [Answer(f"an image: {name}", ("image",), _changed(make, "image/png")) for name, make in IMAGES.items()]
    for role in MEMBERS:
        found += [
            Answer(f"a member is {name}", (role,), _changed(_with_value(role, v))) for name, v in ODD_VALUES.items()
        ]
    return found


def _changed(
    make: Callable[[bytes], bytes], kind: str = "text/html; charset=utf-8"
) -> Callable[[bytes], list[bytes]]:
    return lambda good: sent(make(good), kind=kind)


def _inserted(text: str) -> Callable[[bytes], list[bytes]]:
    data = text.encode("utf-8", "surrogatepass")

    def make(good: bytes) -> list[bytes]:
        before = EDITOR if EDITOR in good else b"</ul>"
        return sent(good.replace(before, data + before, 1))

    return make


def _with_value(role: str, value: str) -> Callable[[bytes], bytes]:
    """Each item of the list has the value in another member."""
    mark, members = "value-that-is-replaced", MEMBERS[role]

    def change(good: bytes) -> bytes:
        document = json.loads(good)
        for number, item in enumerate(_items(document)):
            item[members[number % len(members)]] = mark
        return json.dumps(document).replace(f'"{mark}"', value).encode()

    return change


def _items(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a list of any kind."""
    inner = document.get("result", document)["data"]
    return list(inner if isinstance(inner, list) else inner["feed"]["list"])


def _declared(declarations: str, good: bytes, text: bytes) -> bytes:
    document = good.partition(b"?>")[2].replace(b"<title>", b"<title>" + text, 2)
    return b'<?xml version="1.0" encoding="utf-8"?><!DOCTYPE rss [' + declarations.encode() + b"]>" + document


def _described(good: bytes, text: bytes) -> bytes:
    return good.replace(b"<description>", b"<description>" + text)
