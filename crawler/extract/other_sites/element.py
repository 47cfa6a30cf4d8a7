"""The element of a page that contains its article, on sites without a declaration. Pure.

See D193.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

_NON_WORD = re.compile(r"[\W_]+")
_CLAUSE = re.compile(r"[，。；！？、,;.!?]")
_MIN_PARAGRAPH_CHARS = 20  # shorter texts without punctuation are labels and titles
_GROWS = 1.3  # a larger element is taken if it has this much more text
_CONTAINERS = frozenset({"div", "section", "article", "main", "td", "tr", "tbody", "table", "center", "body", "html"})
_LIST_TAGS = frozenset({"a", "script", "style", "noscript", "template", "button", "select", "option"})


def densest_element(root: LexborNode) -> LexborNode | None:
    """Return the smallest element below ``root`` that has most of the page's paragraphs; None if there are none."""
    own: dict[int, int] = {}  # characters of sentences directly in an element, or in its paragraphs
    nodes: dict[int, LexborNode] = {root.mem_id: root}
    parents: dict[int, int] = {}
    skipped: set[int] = set()
    for node in root.traverse(include_text=True):
        parent = node.parent
        if parent is None or node.mem_id == root.mem_id:
            continue
        if not node.is_text_node:
            nodes[node.mem_id], parents[node.mem_id] = node, parent.mem_id
            if node.tag in _LIST_TAGS or parent.mem_id in skipped:
                skipped.add(node.mem_id)
            continue
        text = (node.text() or "").strip()
        if parent.mem_id not in skipped and (len(text) >= _MIN_PARAGRAPH_CHARS and _CLAUSE.search(text)):
            own[parent.mem_id] = own.get(parent.mem_id, 0) + len(text)
    total = _sums(own, parents)
    if not total:
        return None
    whole = total.get(root.mem_id, 0)
    best = root.mem_id
    children: dict[int, list[int]] = {}
    for child, parent_id in parents.items():
        children.setdefault(parent_id, []).append(child)
    while True:  # down to the element whose text is spread over its children
        largest = max(children.get(best, ()), key=lambda each: total.get(each, 0), default=None)
        if largest is None or nodes[largest].tag not in _CONTAINERS or total.get(largest, 0) * _GROWS < total[best]:
            break
        best = largest
    return nodes[best] if whole else None


def _sums(own: dict[int, int], parents: dict[int, int]) -> dict[int, int]:
    """Return the characters of each element with those of all elements in it. Parents come before their children."""
    total = dict(own)
    for child in reversed(list(parents)):
        if child in total:
            parent = parents[child]
            total[parent] = total.get(parent, 0) + total[child]
    return total
