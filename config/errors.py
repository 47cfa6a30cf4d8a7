"""Mistakes in a configuration. Without pydantic: commands that check no configuration import this module too."""

from collections.abc import Iterable

from msgspec import Struct


class Mistake(Struct, frozen=True):
    """One mistake in the configuration."""

    source: str  # path of the file, or name of the environment variable
    line: int | None  # from 1; None if there are no lines, or it concerns the whole file
    key: str  # "network.delay", "feeds[china].lid"; "" if it concerns no key
    message: str  # one line

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(Exception):
    """The configuration is not valid. `mistakes` has all mistakes, and str() a line for each. Root of the package."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(self.mistakes)

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in self.mistakes)
