"""The wording of times: one for what is written in several ways. Pure."""

from __future__ import annotations

import re
import unicodedata

_NUMERAL = re.compile("[〇零一二三四五六七八九十]{1,4}(?=[年月日时時点點分秒])")
_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
# Names of months in French and Spanish are also written without their accents.
_ACCENTS = str.maketrans("àâáäçèéêëíîïñóôöúùûü", "aaaaceeeeiiinooouuuu")
_PARTS_OF_DAY = {"晚": "晚上", "夜": "夜间", "晨": "早晨", "早": "早上"}
# 昨晚, 今晨, 前晚; but 大选前夜 and 此前早上 name no day.
_SHORT_FORM = re.compile("([昨今])([晚夜晨早])[上间間]?|(?<![之此以目])(前)(晚)[上间間]?")
_HALF_PAST = re.compile("([点點时時])半")


def plain_text(text: str) -> str:
    """Return a text in lower case with half-width characters, single spaces, no accents and no Chinese numerals."""
    plain = unicodedata.normalize("NFKC", text).lower().translate(_ACCENTS)
    plain = " ".join(plain.split())
    plain = _NUMERAL.sub(lambda match: _number(match[0]), plain)
    plain = _SHORT_FORM.sub(_long_form, plain)
    return _HALF_PAST.sub(r"\g<1>30分", plain)


def _long_form(match: re.Match[str]) -> str:
    """Return 昨天晚上 for 昨晚."""
    return f"{match[1] or match[3]}天{_PARTS_OF_DAY[match[2] or match[4]]}"


def _number(numeral: str) -> str:
    tens, ten, ones = numeral.partition("十")
    if not ten:
        return numeral.translate(_DIGITS)
    return f"{int(tens.translate(_DIGITS) or 1) * 10 + int(ones.translate(_DIGITS) or 0)}"
