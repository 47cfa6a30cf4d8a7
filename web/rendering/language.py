"""The languages of pages: Chinese, in which they are written, and English, from the catalogue in web/locales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: Mapping[Language, str] = {"zh": "中文", "en": "English"}
DEFAULT: Language = "zh"
COOKIE = "finarchive_language"  # set by the switch; it has no other content than the language
_CATALOGUE = Path(__file__).parents[1] / "locales/en/LC_MESSAGES/web.mo"

_language: ContextVar[Language] = ContextVar("language", default=DEFAULT)


def gettext(message: str) -> str:
    """Return a message in the language of the request."""
    return message if _language.get() == "zh" else _english().gettext(message)


def ngettext(one: str, many: str, number: int) -> str:
    """Return one of two messages in the language of the request, as the number needs."""
    return many if _language.get() == "zh" else _english().ngettext(one, many, number)


def to_translate(message: str) -> str:
    """Return a message as it is: marks a constant that is translated where it is used."""
    return message


def current() -> Language:
    """Return the language of the request."""
    return _language.get()


@contextmanager
def use(language: Language) -> Iterator[None]:
    """Use a language within the block, in this task and in what runs in copies of its context."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def choose(cookies: str, accept_language: str) -> Language:
    """Return the language for a request: that of the switch, else what the browser prefers, else Chinese.

    :param cookies: the header Cookie
    :param accept_language: the header Accept-Language
    """
    try:
        cookie = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        cookie = None
    if cookie and (chosen := as_language(cookie.value)):
        return chosen
    best: Language = DEFAULT
    best_quality = 0.0
    for part in accept_language[:1000].split(","):
        code, _, parameter = part.partition(";")
        language = as_language(code.strip().lower().partition("-")[0])
        quality = _quality(parameter)
        if language and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameter: str) -> float:
    """Return the number of ``q=0.5``; 1 without one, 0 if it is not a number."""
    name, _, number = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        quality = float(number)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


def as_language(text: str) -> Language | None:
    """Return a language by its code; None if pages are not in it."""
    return next((language for language in LANGUAGES if language == text), None)


@cache
def _english() -> GNUTranslations:
    with _CATALOGUE.open("rb") as file:
        return GNUTranslations(file)
