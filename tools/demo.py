"""The main job on made-up markets: all providers from the built-in sandbox, embedded Redis, tables at the end.

Needs no key and no network. Everything it writes is in data/demo/.
"""

import contextlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

from marketctl.errors import MarketctlError
from marketctl.files.atomic import make_folder
from marketctl.redis.embedded import EmbeddedRedis

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "data" / "demo"
MARKETCTL = [sys.executable, "-m", "marketctl"]

# The last two are those the README shows.
STEPS = """
run --once
run --once
check KUCOIN
stats show
wallet show KUCOIN USDT
wallet changes --since 5min
prices show BYBIT BTC/USDT ETH/USDT
prices compare USD/RUB
report
wallet routes USDT --from MEXC --to KUCOIN
prices compare BTC/USDT
"""


def environment() -> dict[str, str]:
    """Return our environment without settings of marketctl's: the demo is the same for everybody."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MARKETCTL_")}


def main() -> int:
    """Start the sandbox, run the steps against it; return 0 when all of them went well."""
    make_folder(FOLDER)
    for name in ("providers.toml", "credentials.toml"):
        with contextlib.suppress(FileNotFoundError):
            (FOLDER / name).unlink()
    command = [*MARKETCTL, "sandbox", "--port", "0", "--dir", str(FOLDER)]
    sandbox = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment())
    try:
        assert sandbox.stdout is not None
        line = sandbox.stdout.readline().strip()
        if not line.startswith("export MARKETCTL_CONFIG="):
            print("the sandbox did not start", file=sys.stderr)
            return 1
        env = environment() | {"MARKETCTL_CONFIG": line.partition("=")[2]}
        failed = []
        with EmbeddedRedis(FOLDER / "data"):  # it goes on between the steps, and ends with us
            for step in STEPS.strip().splitlines():
                print(f"\n$ marketctl {step}", flush=True)
                code = subprocess.run([*MARKETCTL, *shlex.split(step)], env=env, check=False).returncode
                if code:
                    failed.append(f"marketctl {step}: exit {code}")
        data = FOLDER.relative_to(ROOT) / "data"
        print(f"\nSnapshots, journals and the embedded Redis are in {data}/.")
        print(f"The market board, to open in a browser: {data}/report.html")
        for message in failed:
            print(message, file=sys.stderr)
        return 1 if failed else 0
    finally:
        sandbox.terminate()
        sandbox.wait()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MarketctlError as error:
        sys.exit(f"{error.message}. Next: {error.hint}")
