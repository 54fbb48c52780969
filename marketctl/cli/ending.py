"""Commands that go on until a signal ends them."""

import os
import signal
from collections.abc import Callable


def take_signals() -> Callable[[], int]:
    """Take SIGINT and SIGTERM from now on; what is returned waits for one, also one that came before, and returns it.

    Not by an Event: whoever sets one in a handler waits for ever where the signal comes while its lock is taken.
    """
    there, here = os.pipe()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: os.write(here, bytes([number])) and None)
    return lambda: os.read(there, 1)[0]
