"""Try to break marketctl and print figures; ends with 1 if anything was lost, mixed or a lie.

python tools/torture.py [crash] [overlap] [endurance] [--kills N] [--processes N] [--hours H] [--seed N] [--json]
"""

import argparse
import json
import random
import sys
import time


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="crash, overlap, endurance; default all")
    parser.add_argument("--kills", type=int, default=3000, help="runs to kill (crash)")
    parser.add_argument("--processes", type=int, default=50, help="runs at the same moment (overlap)")
    parser.add_argument("--hours", type=float, default=16, help="simulated hours of ten-second runs (endurance)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="for the same dice again")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    if unknown := set(given.parts) - {"crash", "overlap", "endurance"}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    shown = sys.stderr.isatty()

    def progress(words: str) -> None:
        if shown:
            sys.stderr.write(f"\r{words}\x1b[K")

    document = {"seed": given.seed}
    trouble = False
    for part in given.parts or ("crash", "overlap", "endurance"):
        began = time.monotonic()
        if part == "crash":
            from torture_crash import crash

            figures, problems = crash(given.kills, given.seed, progress)
        elif part == "overlap":
            from torture_overlap import overlap

            figures, problems = overlap(given.processes, progress)
        else:
            from torture_endurance import endurance

            figures, problems = endurance(given.hours, given.seed, progress)
        progress("")
        trouble = trouble or bool(problems.counts)
        document[part] = {"figures": figures, "problems": dict(problems.counts), "words": problems.words}
        if not given.json:
            print(f"{part}: {time.monotonic() - began:.0f} s, seed {given.seed}")
            for name, value in figures.items():
                print(f"  {value:>9}  {name}")
            print(f"  {sum(problems.counts.values()):>9}  problems")
            for words in problems.words:
                print(f"  - {words}")
    if given.json:
        print(json.dumps(document, indent=2))
    return int(trouble)


if __name__ == "__main__":
    sys.exit(main())
