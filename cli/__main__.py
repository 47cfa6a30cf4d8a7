"""Runs the command line, as the installed program and as ``python -m cli``.

It imports nothing else before it is called. See D118.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line and exit with its status."""
    from cli.main import main as run  # noqa: PLC0415 - see above

    run()


if __name__ == "__main__":
    main()
