"""Messages about mistakes in a configuration: what is wrong with a key or a value, and what is accepted."""

import difflib
from collections.abc import Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.cluster_settings import ClusterSettings, JournalSettings
from config.health_settings import HealthSettings
from config.model import (
    Alert,
    ArchiveSettings,
    Feed,
    NetworkSettings,
    ScheduleSettings,
    ServeSettings,
    Settings,
)
from config.proof_settings import ProofSettings
from config.toml_lines import KeyPath

SECTIONS: dict[str, type[BaseModel]] = {
    "archive": ArchiveSettings,
    "network": NetworkSettings,
    "schedule": ScheduleSettings,
    "health": HealthSettings,
    "serve": ServeSettings,
    "proof": ProofSettings,
    "journal": JournalSettings,
    "cluster": ClusterSettings,
}
# Arrays of tables, with the model of a table and the key that names it.
TABLES: dict[str, tuple[type[BaseModel], str]] = {"feeds": (Feed, "id"), "alerts": (Alert, "name")}
# Key of an alert's addresses, which are secret.
CONFIDENTIAL_KEY = "urls"
# Keys whose values are secret: no message contains them. Nor does one contain what is in the place of their tables.
_CONFIDENTIAL = {CONFIDENTIAL_KEY, "anchors", "dsn", "mirror", "token"}
_CONFIDENTIAL_TABLES = {"alerts", "cluster", "health", "journal", "proof"}


# What keys of a feed are called on the command line.
_ARGUMENTS = {"endpoint": "the address", "categories": "a category", "id": "the id"}


def shown(value: object) -> str:
    """Return `value` for a message: as in TOML, on one line, at most 80 characters."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        text = repr(value)
    except ValueError:  # a hexadecimal number with more digits than Python prints
        return "a number that large"
    return text if len(text) <= 80 else f"{text[:77]}..."


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return 'did you mean "delay"?' if a known name is similar, else the known names."""
    near = difflib.get_close_matches(name, known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}"


def describe_all(error: ValueError) -> str:
    """Return what is wrong with the arguments of which a feed was to be made, on one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"{_ARGUMENTS.get(str(details['loc'][0]), 'it')} {describe(details)}" for details in error.errors()
    )


def describe(error: ErrorDetails, model: type[BaseModel] | None = None) -> str:
    """Return what is wrong with one value and what is accepted instead.

    :param model: of the table that has the value; None for that of its section
    """
    context = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        return f"unknown key; {_advice(error['loc'], model)}"
    wording = _WORDINGS.get(error["type"])
    if wording is None:
        return error["msg"]
    given = shown(error["input"])
    typed = f"the text {given}" if isinstance(error["input"], str) else given  # to distinguish "1" from 1
    is_table = error["type"] in ("tuple_type", "model_type")
    if _CONFIDENTIAL.intersection(error["loc"]) or (is_table and error["loc"][0] in _CONFIDENTIAL_TABLES):
        given = typed = "the given value"
    return wording.format(given=given, typed=typed, owner=str(error["loc"][0]).removesuffix("s"), **context)


# By pydantic's type of error; the names in braces are from its context.
_WORDINGS = {
    "missing": "is missing, and every {owner} needs it",
    "value_error": "{error}",
    "greater_than_equal": "must be at least {ge:.10g}, not {given}",
    "less_than_equal": "must be at most {le:.10g}, not {given}",
    "greater_than": "must be more than {gt:.10g}, not {given}",
    "literal_error": "must be {expected}, not {given}",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries, not {actual_length}",
    "float_type": "must be a number, not {typed}",
    "finite_number": "must be a finite number, not {given}",
    "int_type": "must be a whole number, not {typed}",
    "bool_type": "must be true or false, not {typed}",
    "string_type": "must be a text in quotes, not {given}",
    "string_too_short": "must be a text that is not empty; leave it out for the default",
    "tuple_type": "must be a list, not {given}",
    "model_type": "must be a table, not {given}",
}


def _advice(path: KeyPath, model: type[BaseModel] | None) -> str:
    name = str(path[-1])
    if len(path) == 1:
        sections = [section for section, model in SECTIONS.items() if name in model.model_fields]
        return f"it belongs under [{sections[0]}]" if sections else suggestion(name, [*Settings.model_fields])
    if model is None:
        model = TABLES[str(path[0])][0] if path[0] in TABLES else SECTIONS[str(path[0])]
    return suggestion(name, [*model.model_fields])
