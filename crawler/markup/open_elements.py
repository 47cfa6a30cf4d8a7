"""The elements that an HTML parser has open at a place of a page. Pure.

It follows the rules of the HTML standard as far as they let elements nest: which start tag closes which element, what
an end tag closes, and which elements are opened again after they were closed from outside. Where it differs from a
parser, it counts too many elements.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

_VOID = frozenset(
    {"area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "image", "img", "input", "keygen"}
    | {"link", "meta", "param", "source", "track", "wbr"}
)
# They nest only with other elements between them, which count.
_NOT_COUNTED = frozenset({"html", "head", "body", "frameset", "tr", "tbody", "thead", "tfoot", "colgroup"})
# Closed by their end tag only, and opened again in the next paragraph until then.
FORMATTING = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_ITEMS = {"li": ("li",), "dd": ("dd", "dt"), "dt": ("dd", "dt")}  # the next one closes the one before
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "center", "details", "dialog", "dir", "div", "dl", "fieldset"}
    | {"figcaption", "figure", "footer", "header", "hgroup", "listing", "main", "menu", "nav", "ol", "p", "plaintext"}
    | {"pre", "search", "section", "summary", "ul", "xmp"}
)
_CELLS = frozenset({"td", "th", "caption"})
_ROWS = frozenset({"tr", "tbody", "thead", "tfoot", "col", "colgroup"})
# SVG and MathML, and the elements in them whose content is HTML again.
_FOREIGN = {
    "svg": frozenset({"foreignobject", "desc", "title"}),
    "math": frozenset({"mi", "mo", "mn", "ms", "mtext"}),
}
# End tags outside of these do not close what is inside.
_BOUNDARIES = frozenset({"applet", "marquee", "object", "select", "table", "template"}) | _CELLS
_MARKERS = frozenset({"applet", "marquee", "object", "template"}) | _CELLS  # nothing outside is opened again inside
_SPECIAL = (
    _BLOCKS
    | _BOUNDARIES
    | _HEADINGS
    | _ITEMS.keys()
    | {"button", "form", "noscript", "optgroup", "option", "rt", "ruby"}
)
_OTHER_ENDS = frozenset({"noscript", "optgroup", "option", "rt", "ruby"})  # their end tags close no special elements
_ITEM_SCOPE = _SPECIAL - {"address", "div", "p"}
_CLOSED_IF_LAST = {"option": frozenset({"option"}), **dict.fromkeys(_HEADINGS, _HEADINGS)}
_CLOSES_PARAGRAPH = _BLOCKS | _HEADINGS | _ITEMS.keys() | {"form", "hr", "table"}
_RUBY = frozenset({"rb", "rp", "rt", "rtc"})  # they close the one before, and a paragraph
_IMPLIED_ENDS = _RUBY | {"dd", "dt", "li", "optgroup", "option", "p"}
_BUTTON_SCOPE = _BOUNDARIES | {"button"}
_LIST_SCOPE = _BOUNDARIES | {"ol", "ul"}
# These end SVG and MathML.
_BREAKOUT = (
    (FORMATTING - {"a", "font"}) | _HEADINGS | _ITEMS.keys()
    | {"blockquote", "body", "br", "center", "div", "dl", "embed", "head", "hr", "img", "listing", "menu", "meta"}
    | {"ol", "p", "pre", "ruby", "span", "sub", "sup", "table", "ul", "var"}
)  # fmt: skip
_MAX_EQUAL = 3  # formatting elements with the same tag that are opened again


class _Element(Struct, eq=False):
    name: str
    tag: str = ""  # of a formatting element
    is_open: bool = True
    foreign: str = ""  # svg or math, of an element in these
    has_html: bool = False  # of a foreign element


class OpenElements:
    """A stack of open elements.

    :ivar reopened: characters of the tags of all elements that were opened again
    """

    def __init__(self) -> None:
        self.reopened = 0
        self._stack: list[_Element] = []
        self._formatting: list[list[_Element]] = [[]]  # to be opened again; a list for each marker

    def __len__(self) -> int:
        return len(self._stack)

    @property
    def is_foreign(self) -> bool:
        """Whether the next tag is read as SVG or MathML."""
        return bool(self._stack) and bool(self._stack[-1].foreign) and not self._stack[-1].has_html

    def text(self) -> None:
        """Apply a text that is not white space."""
        if not self.is_foreign:
            self._reopen()

    def start(self, name: str, tag: str, *, is_closed: bool = False) -> bool:
        """Apply a start tag; return whether its element is of HTML, not of SVG or MathML.

        :param name: in lower case
        :param is_closed: the tag ends with a slash, which counts in SVG and MathML
        """
        if self.is_foreign and name not in _BREAKOUT:
            if not is_closed:
                kind = self._stack[-1].foreign if name not in _FOREIGN else name
                self._stack.append(_Element(name, foreign=kind, has_html=name in _FOREIGN[kind]))
            return False
        if not self._make_room(name) or name in _VOID or name in _NOT_COUNTED:
            return True
        if name in _FOREIGN:
            if not is_closed:
                self._stack.append(_Element(name, foreign=name))
        else:
            element = _Element(name, tag)
            self._stack.append(element)
            if name in FORMATTING:
                self._add_formatting(element)
            elif name in _MARKERS:
                self._formatting.append([])
        return name not in _FOREIGN

    def _make_room(self, name: str) -> bool:
        """Close and reopen elements before one starts; return whether a parser accepts it here."""
        self._leave_foreign()
        if name in _CELLS or name in _ROWS:
            table = self._last(("table", "template"), ())
            if table is None:
                return False
            if self._stack[table].name == "table":
                self._close_from(table + 1)
        if name == "select" and self._close_last((name,), _BOUNDARIES):
            return False  # a parser reads it as an end tag
        if name == "form" and self._last((name,), ("template",)) is not None:
            return False
        self._close_before(name)
        if name not in _CLOSES_PARAGRAPH and name not in _CELLS | _ROWS:
            self._reopen()
        return True

    def end(self, name: str) -> None:
        """Apply an end tag.

        :param name: in lower case
        """
        names: Collection[str] = (name,)
        boundaries: Collection[str] = _SPECIAL if name not in _SPECIAL or name in _OTHER_ENDS else _BOUNDARIES
        if self._end_foreign(name):
            return
        if name in FORMATTING:
            self._end_formatting(name)
            return
        if name == "form":
            if (place := self._last(names, ())) is not None:
                del self._stack[place]  # what is in it stays open
            return
        if name in _HEADINGS:
            names = _HEADINGS
        elif name == "p":
            boundaries = _BUTTON_SCOPE
        elif name == "li":
            boundaries = _LIST_SCOPE
        elif name == "table":
            boundaries = ("template",)
        elif name == "template":
            boundaries = ()
        self._close_last(names, boundaries)

    def _leave_foreign(self) -> None:
        while self.is_foreign:
            self._close_from(len(self._stack) - 1)

    def _end_foreign(self, name: str) -> bool:
        """Close a foreign element that an end tag names; return whether there is one."""
        if name in ("p", "br"):
            self._leave_foreign()
        place = len(self._stack) - 1
        while place >= 0 and self._stack[place].foreign:
            if self._stack[place].name == name:
                self._close_from(place)
                return True
            place -= 1
        return False

    def _close_before(self, name: str) -> None:
        """Close what a start tag closes."""
        if name in _ITEMS:
            self._close_last(_ITEMS[name], _ITEM_SCOPE)
        if name in _CLOSES_PARAGRAPH:
            self._close_last(("p",), _BUTTON_SCOPE)
        if self._stack and self._stack[-1].name in _CLOSED_IF_LAST.get(name, ()):
            self._close_from(len(self._stack) - 1)
        elif name == "table":  # not in a cell of the one before
            self._close_last(("table",), _CELLS | {"template"})
        elif name == "button":
            self._close_last((name,), _BOUNDARIES)
        elif name in ("input", "textarea", "keygen"):
            self._close_last(("select",), _BOUNDARIES)
        elif name in ("a", "nobr"):
            self._end_formatting(name)
        elif name in _RUBY:
            self._close_implied()

    def _close_implied(self) -> None:
        if self._last(("ruby",), _BOUNDARIES) is not None:
            while self._stack[-1].name in _IMPLIED_ENDS:
                self._close_from(len(self._stack) - 1)

    def _close_last(self, names: Collection[str], boundaries: Collection[str]) -> bool:
        if (place := self._last(names, boundaries)) is None:
            return False
        self._close_from(place)
        return True

    def _last(self, names: Collection[str], boundaries: Collection[str]) -> int | None:
        """Return the place of the last element with one of these names; None if a boundary comes after it."""
        for place in range(len(self._stack) - 1, -1, -1):
            element = self._stack[place]
            if element.name in names and not element.foreign:
                return place
            if element.name in boundaries or (element.has_html and boundaries):
                return None
        return None

    def _close_from(self, place: int) -> None:
        for element in self._stack[place:]:
            element.is_open = False
            if element.name in _MARKERS and not element.foreign and len(self._formatting) > 1:
                self._formatting.pop()
        del self._stack[place:]

    def _add_formatting(self, element: _Element) -> None:
        equal = [each for each in self._formatting[-1] if each.tag == element.tag]
        if len(equal) >= _MAX_EQUAL:
            self._formatting[-1].remove(equal[0])
        self._formatting[-1].append(element)

    def _end_formatting(self, name: str) -> None:
        element = next((each for each in reversed(self._formatting[-1]) if each.name == name), None)
        place = self._last((name,), _BOUNDARIES)
        if element is not None and (place is not None or not element.is_open):
            self._formatting[-1].remove(element)
        if place is None:
            return
        if any(each.name in _SPECIAL for each in self._stack[place + 1 :]):
            del self._stack[place]
        else:
            self._close_from(place)

    def _reopen(self) -> None:
        for element in self._formatting[-1]:
            if not element.is_open:
                element.is_open = True
                self._stack.append(element)
                self.reopened += len(element.tag)
