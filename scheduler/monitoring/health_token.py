"""The token of the health page."""

from __future__ import annotations

from config.health_settings import HealthSettings
from config.types import TOKEN, TOKEN_RULE
from scheduler.errors import HealthError


def read_token(settings: HealthSettings) -> str | None:
    """Return the token that requests must have; None if they need none.

    :raises HealthError: the file of the token cannot be read, or has none
    """
    path = settings.token_file
    if path is None:
        return settings.token.get_secret_value() if settings.token else None
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII"
        raise HealthError(f"health.token_file: {path} cannot be read: {reason}") from error
    if not TOKEN.fullmatch(text):
        raise HealthError(f"health.token_file: the token in {path} {TOKEN_RULE}")
    return text
