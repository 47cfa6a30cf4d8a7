"""One process of `bench.torture.fuzz`: ``python -m bench.torture.fuzz_worker TARGET SEED SECONDS FOLDER``.

Prints a JSON document for each failure, and one with the number of inputs. With ``TARGET FILE`` it tries one input.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from pathlib import Path

from bench.torture.fuzz import INPUT_SECONDS, MAX_FAILURES
from bench.torture.fuzz_targets import TARGETS
from bench.torture.mutation import mutated


def fuzz(name: str, seed: str, seconds: float, folder: Path) -> None:
    """Try inputs for a time; the one being tried is in the file "input" of the folder."""
    dice, inputs, kinds = random.Random(f"{seed} {name}"), 0, set[str]()
    with tempfile.TemporaryDirectory() as work, ExitStack() as until:
        target = TARGETS[name](Path(work), until)
        end = time.monotonic() + seconds
        while time.monotonic() < end and len(kinds) < MAX_FAILURES:
            data = mutated(target.corpus, dice)
            (folder / "input").write_bytes(data)
            began = time.process_time()
            failure = None
            try:
                target.check(data)
            except Exception as error:  # whatever it is, the interface does not document it
                last = traceback.extract_tb(error.__traceback__)[-1]
                failure = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {str(error)[:200]}"
            taken = time.process_time() - began
            if failure is None and taken > INPUT_SECONDS:
                failure = f"{taken:.0f} s of CPU"
            if failure and (kind := failure[:60]) not in kinds:
                kinds.add(kind)
                kept = folder / f"failure-{len(kinds)}"
                kept.write_bytes(data)
                print(json.dumps({"failure": failure, "file": str(kept)}), flush=True)
            inputs += 1
        (folder / "input").unlink(missing_ok=True)
    print(json.dumps({"inputs": inputs}), flush=True)


def again(name: str, path: Path) -> None:
    """Try one input; a failure is raised."""
    with tempfile.TemporaryDirectory() as work, ExitStack() as until:
        TARGETS[name](Path(work), until).check(path.read_bytes())


if __name__ == "__main__":
    logging.disable()  # parse_fetch logs the bugs that it catches; they are in its result
    if len(sys.argv) == 3:
        again(sys.argv[1], Path(sys.argv[2]))
    else:
        fuzz(sys.argv[1], sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
