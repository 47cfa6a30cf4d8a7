"""How many examples a property test tries: few in `make test`, half in `make test-slow`, all in `make test-long`."""

from __future__ import annotations

import os

from hypothesis import settings

# A busy machine is no failure, hence no deadline: bench/ measures what must be fast.
settings.register_profile("full", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=50)
settings.register_profile("fast", deadline=None, max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def examples(full: int) -> int:
    """The number of examples under the profile in use, for a test that tries ``full`` under the full one."""
    return full * settings().max_examples // 100
