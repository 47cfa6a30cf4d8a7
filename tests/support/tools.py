"""Programs that single tests need."""

from __future__ import annotations

import os
import shutil

import pytest


def needs(tool: str) -> pytest.MarkDecorator:
    """Skip a test whose tool is not installed; where CI is set, `.ci/tools` has installed it, and the test fails."""
    is_missing = shutil.which(tool) is None and "CI" not in os.environ
    return pytest.mark.skipif(is_missing, reason=f"{tool} is not installed")
