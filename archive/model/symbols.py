"""One notation for a stock, a fund, a currency or a future: that of Sina's pages. Pure.

sh600519, sz000001, bj430047 (mainland), hk00700 (Hong Kong), AAPL (America), of159363 (funds), sb430542 (the NEEQ),
fx_susdthb, nf_fu0, hf_cl (currencies, futures of China, of the world).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

_EXCHANGE_AFTER = re.compile(r"(\d{1,6})\.(SH|SS|SZ|BJ|HK)", re.IGNORECASE | re.ASCII)
# Names of the telegraph's markets that older versions put before symbols.
_MARKET_BEFORE_PREFIX = re.compile(
    r"(?:foreign|commodity|global|futures?|forex)_?(?=[a-z]{1,6}_)", re.IGNORECASE | re.ASCII
)
# Form -> the notation. The first form that fits counts.
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(sh|sz|bj|sb)[.:]?(\d{6})", re.IGNORECASE | re.ASCII), lambda match: match[1].lower() + match[2]),
    (re.compile(r"hk[.:]?(\d{1,5})", re.IGNORECASE | re.ASCII), lambda match: f"hk{match[1].zfill(5)}"),
    (re.compile(r"(?:fund|of)_?(\d{6})", re.IGNORECASE | re.ASCII), lambda match: f"of{match[1]}"),
    (re.compile(r"(?:gb|us)_([a-z][a-z0-9.$-]{0,11})", re.IGNORECASE | re.ASCII), lambda match: match[1].upper()),
    (re.compile(r"[a-z]{1,6}_\w{1,24}", re.IGNORECASE | re.ASCII), lambda match: match[0].lower()),
    (re.compile(r"hk[A-Z]{2,12}", re.ASCII), lambda match: match[0]),  # an index of Hong Kong
    (re.compile(r"\.?[a-z][a-z.$-]{0,11}", re.IGNORECASE | re.ASCII), lambda match: match[0].upper()),
)


_MAX_NAME = 40  # characters of a stock's name; the longest of Sina's have twenty
# On the day on which a stock is traded without its dividend or its rights, its name is cut for two letters: XD贵州茅.
_TEMPORARY_NAME = re.compile("(?:XD|XR|DR)(?=[^\\x00-\\x7f])")
_HAN = re.compile("[\u3400-\u9fff]")
_SPACES = re.compile(r"\s+")


def stock_name_of(text: str) -> str | None:
    """Return a stock's name as it is compared: half width, and without spaces between Chinese characters (五 粮 液).

    :return: None if it is no name: without a letter, too long, or of one day only
    """
    name = _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip()
    if _HAN.search(name):
        name = name.replace(" ", "")
    is_name = 0 < len(name) <= _MAX_NAME and name.isprintable() and any(map(str.isalpha, name))
    return name if is_name and not _TEMPORARY_NAME.match(name) else None


def symbol_of(text: str) -> str:
    """Return a symbol in Sina's notation; as it is, if its form is not known.

    Also takes 600519.SH, SH600519, 700.HK, gb_aapl and aapl.
    """
    if match := _EXCHANGE_AFTER.fullmatch(text):
        text = {"SS": "sh"}.get(match[2].upper(), match[2]) + match[1]
    if market := _MARKET_BEFORE_PREFIX.match(text):
        text = text[market.end() :]
    for form, written in _FORMS:
        if match := form.fullmatch(text):
            return written(match)
    return text


def symbols_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return symbols in Sina's notation, each once."""
    return tuple(dict.fromkeys(map(symbol_of, filter(None, texts))))


# A symbol of a fund or a stock with a number, and what vendors of data write for its exchange.
_NUMBERED = re.compile(r"(sh|sz|bj|hk|of|sb)(\d{5,6}|(?<=hk)[A-Z]+)", re.ASCII)
_SUFFIXES = {"of": "OF", "sb": "NQ"}


def ticker_of(symbol: str) -> str:
    """Return a symbol as vendors of data write it: 600519.SH, 00700.HK, 159363.OF; one of another kind as it is."""
    if match := _NUMBERED.fullmatch(symbol):
        return f"{match[2]}.{_SUFFIXES.get(match[1], match[1].upper())}"
    return symbol
