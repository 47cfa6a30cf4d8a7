"""``python -m scheduler``: the command line without the installed script."""

from scheduler.cli import main

main()
