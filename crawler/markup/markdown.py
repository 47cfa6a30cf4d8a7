"""An article's body as Markdown: CommonMark with the tables of GitHub. Pure.

Programs read it differently, so it is written in what CommonMark (Hugo, Obsidian, Hexo) and Python-Markdown (mkdocs)
share: lists are indented by four columns, characters are escaped that only one of them reads as markup, and emphasis
neither begins nor ends with a punctuation mark, beside which CommonMark sees none in Chinese. See D233.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from bs4 import BeautifulSoup, Tag
from markdownify import ATX, MarkdownConverter
from selectolax.lexbor import LexborNode

from crawler.markup.parser import parse_html

# Elements that Markdown cannot have, and that have no text of the article.
_REMOVED = (
    "style, script, iframe, frameset, noembed, noframes, noscript, xmp, plaintext, object, embed, applet, svg, math, "
    "template, input, button, select, textarea, link, meta, title"
)
# The converter recurses: deeper markup, of which no real article has any, becomes lines of text.
_MAX_DEPTH = 100
_MAX_SPAN = 50  # columns or rows of one cell; more is a mistake, or an attempt to fill the memory
_MAX_TAGS = 20_000  # an article has some hundreds
_LIST_INDENT = 4  # columns; Python-Markdown needs four

_EMPHASIS = {"b": "**", "strong": "**", "i": "*", "em": "*"}
_TABLE_PARTS = ["tbody", "thead", "tfoot", "tr", "td", "th", "caption", "colgroup"]
_BEFORE, _AFTER = "data-before", "data-after"  # attributes of a cell: empty columns beside it

_MARKUP = re.compile(r"([\\`*_\[\]#|])")
_REFERENCE = re.compile(r"&(?=#?\w{1,31};)")
_LINE_START = re.compile(r">|[-+](?=[-+\s]|$)|\d{1,9}(?=[.)])")  # at the start of a line, after its indent
_MATH = re.compile(r"\$(?=[^\s$][^$\n]{0,200}\$)")  # Obsidian reads $a$ as a formula
# ASCII punctuation that may stand outside an emphasis: none that `escape` writes.
_LEADING, _TRAILING = "\"'(/", ").,:!?%\"'/"
_EDGES = " \t\r\n\u00a0\u3000"  # at the edges of a paragraph, where Chinese texts are indented
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")
_URL_SAFE = "!#$%&'*+,/:;=?@-._~"  # not brackets and spaces, which would end the address


def to_markdown(html: str) -> str:
    """Return a body in Markdown, without line breaks at its ends.

    :param html: as in a file, with absolute addresses
    """
    root = parse_html(html).body
    if root is None:
        return ""
    for node in root.css(_REMOVED):
        node.decompose()
    if _is_extreme(root):
        lines = (line.strip(_EDGES) for line in root.text(separator="\n").split("\n"))
        text = "\n\n".join(escape(line) for line in lines if line)
    else:
        soup = BeautifulSoup(root.inner_html or "", "html.parser")
        _prepare(soup)
        text = _Converter(heading_style=ATX, table_infer_header=True).convert_soup(soup)
    text = _BLANK_LINES.sub("\n\n", text).strip("\n")
    return text.replace("{", "&#123;").replace("}", "&#125;")  # Hexo and Hugo would interpret them


def escape(text: str) -> str:
    """Return a text in which nothing is read as markup."""
    text = _REFERENCE.sub("&amp;", text).replace("<", "&lt;")
    text = _MARKUP.sub(r"\\\1", text).replace("~~", "&#126;&#126;").replace("==", "&#61;&#61;")
    text = text.replace("%%", "&#37;&#37;")  # a comment in Obsidian
    text = text.replace("]:", "]&#58;")  # Python-Markdown reads a link with it as a definition, escaped or not
    text = "\n".join(map(_with_escaped_start, text.split("\n")))
    return _MATH.sub("&#36;", text)


def _with_escaped_start(line: str) -> str:
    """Return a line whose start is no markup. The indent of Chinese paragraphs is left out later."""
    text = line.lstrip(_EDGES)
    indent = line[: len(line) - len(text)]
    if text.strip(_EDGES) == "=":  # the line above would be a heading
        return f"{indent}&#61;{text[1:]}"
    if not (start := _LINE_START.match(text)):
        return line
    mark, rest = start[0], text[start.end() :]
    if mark == ">":
        return f"{indent}&gt;{rest}"
    return f"{indent}{mark}\\{rest}" if mark[0].isdigit() else f"{indent}\\{mark}{rest}"


def _is_extreme(root: LexborNode) -> bool:
    """Return whether markup is deeper, or has more elements, than the converter can read in little time."""
    depth = tags = 0
    node: LexborNode | None = root
    while node is not None:
        tags += 1
        if depth > _MAX_DEPTH or tags > _MAX_TAGS:
            return True
        if node.first_child is not None:
            node, depth = node.first_child, depth + 1
            continue
        while node is not None and node.next is None:
            node, depth = node.parent, depth - 1
            if node is None or depth <= 0:
                return False
        node = node.next if node is not None else None
    return False


def _prepare(soup: BeautifulSoup) -> None:
    """Change what Markdown has no word for into what it has."""
    for tag in soup.find_all(list(_EMPHASIS)):
        _join_emphasis(tag)
    for caption in soup.select(".img_descr"):
        caption.name = "figcaption"
    layouts = [table for table in soup.find_all("table") if table.find("table")]
    parts = [part for part in soup.find_all(_TABLE_PARTS) if part.find_parent("table") in layouts] if layouts else []
    for part in [*layouts, *parts]:
        part.name = "div"
    for table in soup.find_all("table"):
        _count_columns(table)
    for items in soup.find_all("ol"):
        first = str(items.get("start") or "")
        number = int(first) if first.isdecimal() and len(first) < 10 else 1
        for place, item in enumerate(items.find_all("li", recursive=False)):
            item["value"] = str(number + place)


def _join_emphasis(tag: Tag) -> None:
    """Join an emphasis with those that follow it directly: between them there would be four asterisks."""
    while isinstance(following := tag.next_sibling, Tag) and following.name in _EMPHASIS:
        if _EMPHASIS[following.name] != _EMPHASIS[tag.name]:
            following.unwrap()
            return
        for child in list(following.children):
            tag.append(child)
        following.extract()


def _count_columns(table: Tag) -> None:
    """Record how many empty columns stand before and after each cell, because other cells span them.

    The attribute ``colspan`` gets the number of all columns of a cell, which the converter counts.
    """
    covered: dict[int, int] = {}  # column -> rows that are still covered
    for row in table.find_all("tr"):
        column = before = 0
        last: Tag | None = None
        for cell in row.find_all(["td", "th"], recursive=False):
            while covered.get(column):
                covered[column] -= 1
                column, before = column + 1, before + 1
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            covered.update(dict.fromkeys(range(column, column + width), height - 1))
            _set_columns(cell, before, width - 1)
            column, before, last = column + width, 0, cell
        after = 0
        while covered.get(column):
            covered[column] -= 1
            column, after = column + 1, after + 1
        if last is not None and after:
            _set_columns(last, int(str(last[_BEFORE])), int(str(last[_AFTER])) + after)


def _set_columns(cell: Tag, before: int, after: int) -> None:
    cell[_BEFORE], cell[_AFTER], cell["colspan"] = str(before), str(after), str(before + 1 + after)


def _span(cell: Tag, name: str) -> int:
    value = str(cell.get(name, "1"))
    return min(max(int(value), 1), _MAX_SPAN) if value.isdecimal() and len(value) < 10 else 1


def _address(value: Any) -> str:
    return quote(str(value or "").strip(), safe=_URL_SAFE)


class _Converter(MarkdownConverter):
    """markdownify's converter, where Chinese texts, tables and several readers need something else."""

    def escape(self, text: str, parent_tags: set[str]) -> str:
        return escape(text)

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        text = " ".join(text.split())
        address = _address(el.get("href"))
        if "_noformat" in parent_tags or not text or not address.startswith(("http://", "https://", "mailto:")):
            return text
        return f"[{text}]({address})"

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        alt = escape(" ".join(str(el.get("alt") or "").split()))
        address = _address(el.get("src"))
        return f"![{alt}]({address})" if address else alt

    def convert_p(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        text = text.strip(_EDGES)
        if "_inline" in parent_tags:
            return f" {text} "
        return f"\n\n{text}\n\n" if text else ""

    def convert_div(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return self.convert_p(el, text, parent_tags)

    def convert_figcaption(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        text = " ".join(text.split())
        return self.convert_p(el, _emphasised(text, "*") if text else "", parent_tags)

    def convert_caption(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return self.convert_figcaption(el, text, parent_tags)

    def convert_b(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        # Paragraphs cannot be emphasised, nor, in Chinese, links, images and emphasis: their marks are punctuation.
        is_plain = "_noformat" in parent_tags or "\n\n" in text.strip("\n") or "](" in text
        return text if is_plain or _EMPHASIS.keys() & parent_tags else _emphasised(text, _EMPHASIS[el.name])

    convert_strong = convert_i = convert_em = convert_b

    def convert_li(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        text = text.strip()
        if not text:
            return "\n"
        is_numbered = el.parent is not None and el.parent.name == "ol"
        mark = f"{el.get('value')}." if is_numbered else "-"
        mark = f"{mark} ".ljust(_LIST_INDENT)
        first, *others = text.split("\n")
        return "\n".join([mark + first, *(" " * len(mark) + line if line else "" for line in others), ""])

    def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        before, after = int(str(el.get(_BEFORE, "0"))), int(str(el.get(_AFTER, "0")))
        return " |" * before + f" {' '.join(text.split())} |" + " |" * after

    convert_th = convert_td


def _emphasised(text: str, mark: str) -> str:
    """Return a text between marks, with the white space and the punctuation at its edges outside of them."""
    start, end = 0, len(text)
    while start < end and _is_outside(text[start], _LEADING):
        start += 1
    while start < end and _is_outside(text[end - 1], _TRAILING) and text[end - 2 : end - 1] != "\\":
        end -= 1
    inner = text[start:end]
    if not inner or not (inner[0].isalnum() and inner[-1].isalnum()):
        return text
    return f"{text[:start]}{mark}{inner}{mark}{text[end:]}"


def _is_outside(character: str, ascii_marks: str) -> bool:
    if character.isascii():
        return character.isspace() or character in ascii_marks
    return not character.isalnum()
