"""Import a library without the optional libraries that it would load where they are installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def hidden_imports(*names: str) -> Iterator[None]:
    """Let imports of these modules fail in the block, as if they were not installed; those already imported stay.

    :param names: top-level modules
    """
    hidden = [name for name in names if name not in sys.modules]
    modules: dict[str, Any] = sys.modules
    modules.update(dict.fromkeys(hidden))  # None: an import fails
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]
