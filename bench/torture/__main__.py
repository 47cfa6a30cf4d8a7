"""Torture finarchive: kills, failing operations, power loss, hostile answers, fuzzing. Nothing may be lost.

``python -m bench.torture --seconds 3600 --seed 1 [--only kills] [--json FILE]``; exit status 1 when anything failed.
The parts run one after the other, and each can be run alone: ``python -m bench.torture.kills``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from archive.records import as_dict

# Part -> its share of the time. Each is a module with `run`, as `bench.torture.part.Run` says.
SHARES = {"kills": 12, "failing_operations": 5, "power_loss": 4, "hostile_answers": 7, "fuzz": 8}


class Result(Struct, frozen=True):
    """What a part did."""

    part: str
    done: str  # the last line that it reported
    seconds: float
    failures: list[str]


def torture(parts: Sequence[str], seconds: float, seed: int, report: Callable[[str], None]) -> list[Result]:
    """Run parts one after the other, each for its share of the time."""
    results, whole = [], sum(SHARES[name] for name in parts)
    for name in parts:
        lines = ["nothing"]

        def heard(line: str, name: str = name, lines: list[str] = lines) -> None:
            lines.append(line)
            report(f"{name}: {line}")

        began = time.monotonic()
        run = importlib.import_module(f"bench.torture.{name}").run
        failures = run(seconds * SHARES[name] / whole, seed, heard)
        results.append(Result(name, lines[-1], time.monotonic() - began, failures))
    return results


def table(results: Sequence[Result]) -> list[str]:
    """The summary, and the failures after it."""
    lines = [f"{'part':<20}{'seconds':>8}{'failures':>10}  what was done"]
    lines += [f"{each.part:<20}{each.seconds:>8.0f}{len(each.failures):>10}  {each.done}" for each in results]
    return lines + [f"FAILED: {failure}" for each in results for failure in each.failures]


def main() -> int:
    """Run and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="for all parts together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=SHARES, help="one part")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    parts = [options.only] if options.only else list(SHARES)
    results = torture(parts, options.seconds, options.seed, lambda line: print(line, file=sys.stderr, flush=True))
    print("\n".join(table(results)))
    if options.json:
        figures = {"seed": options.seed, "parts": [as_dict(each) for each in results]}
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return any(each.failures for each in results)


if __name__ == "__main__":
    sys.exit(main())
