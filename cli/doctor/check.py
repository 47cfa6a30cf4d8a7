"""The result of one check of ``doctor``."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import force_setattr

from archive.model.secrets import mask_secrets
from scheduler.exits import Exit


class Check(Struct, frozen=True):
    """The result of one check."""

    name: str
    ok: bool
    message: str  # the result; for a problem, also what to do
    failure_status: Exit = Exit.PROBLEMS  # the exit status if the check fails

    def __post_init__(self) -> None:
        force_setattr(self, "message", mask_secrets(self.message))

    @property
    def status(self) -> Exit:
        """The exit status for this check."""
        return Exit.DONE if self.ok else self.failure_status

    def as_json(self) -> dict[str, Any]:
        """The object that ``doctor --json`` prints."""
        return {"name": self.name, "ok": self.ok, "told": self.message}
