"""The command, as it is installed and as ``python -m cli``: no more of it than the way to it.

Each process that reads for a rebuild begins by importing what its parent was begun with. See D118.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line; ends with its exit status."""
    from cli.main import main as run  # noqa: PLC0415 - see above

    run()


if __name__ == "__main__":
    main()
