"""Single file operations fail in a crawl and in the daemon: a sample of `bench.torture.failing_operations`."""

from __future__ import annotations

import os

import pytest

from bench.torture.failing_operations import NoCompilerError, run
from tests.support.examples import examples

pytestmark = [pytest.mark.slow, pytest.mark.sized, pytest.mark.timeout(200)]

SECONDS = examples(24)  # of trying; each worker counts the operations before
SEED = 17


def test_no_failing_operation_loses_doubles_or_leaves_behind_anything() -> None:
    lines: list[str] = []
    try:
        failures = run(SECONDS, SEED, lines.append)
    except NoCompilerError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    assert failures == []
    assert not lines[-1].startswith("failing operations: 0 cases"), lines
