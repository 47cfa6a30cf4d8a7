"""How much a test tries: few examples in `make test`, a quarter in `make test-slow`, all in `make test-long`.

A test that is no property test, and whose size is `examples(...)` too, has the mark `sized`.
"""

from __future__ import annotations

import os

from hypothesis import settings

# A busy machine is no failure, hence no deadline: bench/ measures what must be fast.
settings.register_profile("full", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=25)
settings.register_profile("fast", deadline=None, max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def examples(full: int) -> int:
    """The number of examples, rounds or seconds under the profile in use; ``full``: the number under the full one."""
    return full * settings().max_examples // 100
