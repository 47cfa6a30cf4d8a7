"""Runs the command line, as the installed program and as ``python -m cli``.

It imports nothing else before it is called. See D118.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line and exit with its status. After Ctrl-C, at any moment, that is 130, with one line."""
    try:
        import signal  # noqa: PLC0415 - see above

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in a shell's background job
            signal.signal(signal.SIGINT, _interrupt)
        from cli.main import main as run  # noqa: PLC0415 - see above

        run()
    except KeyboardInterrupt:
        _leave()
    finally:
        if signal.getsignal(signal.SIGINT) is _interrupt:  # the interpreter has its own last work to do
            signal.signal(signal.SIGINT, lambda *_: _leave())


def _interrupt(number: int, frame: object) -> None:
    """Handle SIGINT: raise KeyboardInterrupt, but not inside an import. See D228."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):  # type: ignore[attr-defined] # a frame
            _leave()
        frame = frame.f_back  # type: ignore[attr-defined]
    raise KeyboardInterrupt


def _leave() -> None:
    """End the process at once."""
    import os  # noqa: PLC0415 - see above
    import sys  # noqa: PLC0415

    show_cursor = "\x1b[?25h" if "rich.progress" in sys.modules else ""  # a progress bar hides it
    before = f"{show_cursor}\n" if os.isatty(2) else ""  # the terminal shows ^C in this line
    try:
        os.write(2, f"{before}finarchive: interrupted\n".encode())
    finally:
        os._exit(130)


if __name__ == "__main__":
    main()
