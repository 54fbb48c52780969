"""`--watch`: a view drawn again and again, in place on a terminal."""

import io
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout

import click

from marketctl.cli.globals import Globals

LEAST_S = 0.5


class _Seconds(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on alone
    name = "seconds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            found = float(str(value))
        except ValueError:
            found = 0.0
        if not LEAST_S <= found <= 86_400:
            self.fail(f"{value!r} is no pause, expected seconds such as 2, at least {LEAST_S}", param, ctx)
        return found


watch_option = click.option(
    "--watch",
    "watch_s",
    is_flag=False,
    flag_value="2",
    type=_Seconds(),
    metavar="[=S]",
    help="Show it again every S seconds (2), on a terminal in place; in a pipe once, unless --format is given.",
)


class _Screen(io.TextIOWrapper):
    """Takes what is printed, as a terminal would."""

    def __init__(self) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding="utf-8", errors="backslashreplace")

    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        self.flush()
        return self.bytes.getvalue().decode()


def watch(given: Globals, pause_s: float | None, show: Callable[[], int]) -> int:
    """Show a view; with a pause again and again until interrupted. Returns the exit code of what was shown last."""
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    if pause_s is None or not (on_terminal or given.form):
        return show()
    given.redrawn = True
    if not on_terminal or given.form not in (None, "table"):
        while True:
            show()
            sys.stdout.flush()
            time.sleep(pause_s)
    sys.stdout.write("\x1b[2J")
    while True:
        begun = time.monotonic()
        draw(given, pause_s, show)
        time.sleep(max(0.1, pause_s - (time.monotonic() - begun)))


def draw(given: Globals, pause_s: float, show: Callable[[], int]) -> None:
    """Put one picture on the terminal: what was printed, then what was said."""
    from marketctl.cli.terminal import size
    from marketctl.errors import MarketctlError
    from marketctl.log import set_up
    from marketctl.times import now_ms, to_iso

    said, printed = _Screen(), _Screen()
    with redirect_stdout(printed), redirect_stderr(said):
        set_up(given.verbose, given.quiet, given.log_format)
        try:
            show()
        except MarketctlError as error:  # nothing yet, or gone for a moment: the next picture may have it
            printed.write(f"{error.message}\n")
    width, height = size()
    at = (to_iso(now_ms()) or "")[11:19]
    head = f"{at} UTC, every {pause_s:g} s, Ctrl-C ends"
    lines = [head[:width], "", *printed.text().splitlines(), *_folded(said.text().splitlines(), width)]
    left = len(lines) - (height - 1)
    if left > 0:
        lines = [*lines[: height - 2], f"({left + 1} more lines)"]
    sys.stdout.write("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
    sys.stdout.flush()


def _folded(lines: list[str], width: int) -> list[str]:
    import textwrap

    return [part for line in lines for part in textwrap.wrap(line, width) or [""]]
