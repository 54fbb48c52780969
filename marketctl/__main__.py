"""Run the command line as a process of its own: `python -m marketctl`, and what the installed script calls."""

import gc
import os
import sys
from contextlib import suppress


def main() -> None:
    """Run the command line and end the process at once.

    By then everything is written, flushed and closed: to take the interpreter apart piece by piece is a sixth of the
    time of a short run. A bug's traceback takes the usual way out.
    """
    # A command makes tens of thousands of objects that live until its end: looking for rings of garbage finds none.
    # What repeats itself looks for them when it has the time (cli/repeat.py).
    gc.set_threshold(500_000, 20, 20)
    try:
        from marketctl.lean_imports import import_click

        import_click()
        from marketctl.cli import main as command_line

        command_line()
    except SystemExit as stop:
        code = stop.code
    except KeyboardInterrupt:  # while Python still imported; later on the commands see to it
        code = 130
    else:
        code = 0
    if isinstance(code, int) and "coverage" not in sys.modules:
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # None, gone or closed
                stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
