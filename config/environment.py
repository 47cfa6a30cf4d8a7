"""Settings from environment variables: FINARCHIVE_<SECTION>_<KEY>. Pure: the environment is an argument."""

import difflib
import re
from collections.abc import Mapping
from typing import get_args, get_origin

from msgspec import Struct

from config.errors import Mistake
from config.files import FILE_VARIABLE, PREFIX
from config.messages import SECTIONS

# The addresses of an alert contain passwords, which some keep out of the configuration file.
_ADDRESSES = re.compile(f"{PREFIX}ALERT_([A-Z0-9_]+)_URLS")

_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class Overrides(Struct, frozen=True):
    """Settings from the environment. Keys are (section, key)."""

    values: dict[tuple[str, str], object]  # as in a TOML file; the model checks them
    names: dict[tuple[str, str], str]  # of the variables
    mistakes: tuple[Mistake, ...]  # unknown variables, and two for one setting
    addresses: dict[str, list[str]]  # of alerts, by the name of the variable


def variables() -> dict[str, tuple[str, str]]:
    """Return all valid variables, each with the (section, key) that it sets. The first spelling is documented."""
    return {
        f"{PREFIX}{section.upper()}{joint}{key.upper()}": (section, key)
        for section, model in SECTIONS.items()
        for key in model.model_fields
        for joint in ("_", "__")  # two, as settings libraries use, are accepted too
    }


def read_environment(env: Mapping[str, str]) -> Overrides:
    """Read all variables that start with FINARCHIVE_. An unknown one is a mistake, so that typos are found."""
    valid_names = variables()
    values: dict[tuple[str, str], object] = {}
    names: dict[tuple[str, str], str] = {}
    mistakes: list[Mistake] = []
    addresses: dict[str, list[str]] = {}
    for name in sorted(env):
        if not name.startswith(PREFIX) or name == FILE_VARIABLE:
            continue
        setting = valid_names.get(name)
        if _ADDRESSES.fullmatch(name):
            addresses[name] = env[name].split()
        elif setting is None:
            mistakes.append(Mistake(name, None, "", f"unknown variable; {_advice(name, list(valid_names))}"))
        elif setting in names:
            mistakes.append(Mistake(name, None, "", f"sets the same as {names[setting]}: leave one of them out"))
        else:
            names[setting] = name
            values[setting] = _typed(env[name], *setting)
    return Overrides(values, names, tuple(mistakes), addresses)


def address_variable(alert: str) -> str:
    """Return the variable with the addresses of the alert of this name."""
    return f"{PREFIX}ALERT_{alert.upper().replace('-', '_')}_URLS"


def _typed(text: str, section: str, key: str) -> object:
    """Return `text` converted to the setting's type; unchanged if that fails, so that the model reports it."""
    annotation = SECTIONS[section].model_fields[key].annotation
    try:
        if annotation is float:
            return float(text)
        if annotation is int:
            return int(text)
    except ValueError:
        return text
    if annotation is bool or bool in get_args(annotation):
        return _TRUTH.get(text.strip().lower(), text)
    if get_origin(annotation) is tuple:
        return [part.strip() for part in text.split(",")] if text.strip() else []
    return text


def _advice(name: str, valid_names: list[str]) -> str:
    near = difflib.get_close_matches(name.upper(), [*valid_names, FILE_VARIABLE], n=1, cutoff=0.75)
    return (
        f"did you mean {near[0]}?"
        if near
        else f"names are {PREFIX}<SECTION>_<KEY>, see finarchive help configuration"
    )
