"""The table of benchmarks/run.py, on the terminal and in docs/proofs/performance.md."""

import os
import platform
import time
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
CPU, WALL, MEMORY = 0, 1, 2
HEAD = ["what", "marketctl", "peer", "ratio", "target", "stretch", ""]


def median(values: list[float]) -> float:
    """Return the middle value."""
    values = sorted(values)
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def spread(values: list[float], unit: str) -> str:
    """Return the median with the lowest and highest value."""
    scale, digits = {"s": (1, 3), "ms": (1000, 0), "MB": (1, 0)}[unit]
    middle, low, high = (one * scale for one in (median(values), min(values), max(values)))
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f}-{high:.{digits}f})"


def table_of(runs: list[dict[str, Any]]) -> list[list[str]]:
    """Return the table over all runs, with the ratio of each."""
    each = [{row[0]: row[3] for row in rows(run)} for run in runs]
    table = [[*row[:4], " ".join(run.get(row[0], "-") for run in each), *row[4:]] for row in rows(together(runs))]
    table[0][4] = "in each run"
    return table


def together(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the samples of all runs as those of one."""
    found: dict[str, Any] = {}
    for run in runs:
        for group, cases in run.items():
            if isinstance(cases, list):
                found[group] = found.get(group, []) + cases
            else:
                for case, samples in cases.items():
                    kept = found.setdefault(group, {})
                    kept[case] = kept.get(case, []) + samples
    return found


def rows(figures: dict[str, Any]) -> list[list[str]]:
    """Return the table: what, ours, peer, ratio, target, stretch, verdict."""
    table = [HEAD]

    def add(what: str, mine: list[float], other: list[float], unit: str, target: float, stretch: float) -> None:
        # Turn by turn where there are turns: the machine's speed drifts.
        pairs = zip(mine, other, strict=True) if len(mine) == len(other) else [(median(mine), median(other))]
        ratio = median([one / two for one, two in pairs])
        verdict = "stretch" if ratio <= stretch else "met" if ratio <= target else "NOT MET"
        table.append(
            [what, spread(mine, unit), spread(other, unit), f"{ratio:.3f}", f"{target:g}", f"{stretch:g}", verdict]
        )

    def column(group: str, case: str, which: int) -> list[float]:
        return [sample[which] for sample in figures[group][case]]

    if "1x" in figures:
        cpu = column("1x", "ours", CPU)
        add("CPU / ccxt sync", cpu, column("1x", "ccxt_sync", CPU), "s", 0.20, 0.15)
    if "4x" in figures:
        add("CPU / ccxt sync, 4x pairs", column("4x", "ours", CPU), column("4x", "ccxt_sync", CPU), "s", 0.14, 0.10)
    if "1x" in figures:
        add("CPU / ccxt raw endpoints", cpu, column("1x", "ccxt_raw", CPU), "s", 0.55, 0.40)
        add("CPU / bare script", cpu, column("1x", "bare", CPU), "s", 1.3, 1.0)
    if "80ms" in figures:
        peer = column("80ms", "ccxt_sync", WALL)
        add("wall at 80 ms, one by one / ccxt sync", column("80ms", "ours", WALL), peer, "s", 0.28, 0.22)
        add("wall at 80 ms, --jobs 5 / ccxt sync", column("80ms", "ours --jobs 5", WALL), peer, "s", 0.15, 0.11)
    if "1x" in figures:
        add("peak memory / ccxt sync", column("1x", "ours", MEMORY), column("1x", "ccxt_sync", MEMORY), "MB", 0.34, 0.3)
    if "4x" in figures:
        mine, peer = column("4x", "ours", MEMORY), column("4x", "ccxt_sync", MEMORY)
        add("peak memory / ccxt sync, 4x pairs", mine, peer, "MB", 0.32, 0.25)
    if "1x" in figures and "4x" in figures:
        add("growth of CPU, 4x pairs / 1x", column("4x", "ours", CPU), cpu, "s", 1.9, 1.6)
    if "tls" in figures:
        add("CPU over TLS / over http", column("tls", "ours tls", CPU), column("tls", "ours", CPU), "s", 1.25, 1.05)
    if "quick" in figures:
        hello = column("quick", "hello", WALL)
        add("--help: wall / click hello", column("quick", "--help", WALL), hello, "ms", 1.8, 1.3)
        add("providers list: wall / click hello", column("quick", "providers list", WALL), hello, "ms", 1.8, 1.3)
        add("prices show, a pair: wall / click hello", column("quick", "prices show", WALL), hello, "ms", 2.2, 1.8)
        add("prices compare: wall / click hello", column("quick", "prices compare", WALL), hello, "ms", 2.2, 1.8)
    if "wallet" in figures:
        mine, peer = column("wallet", "ours", CPU), column("wallet", "ccxt_currencies", CPU)
        add("wallet sync KUCOIN, unchanged: CPU / ccxt", mine, peer, "s", 0.35, 0.2)
    if "repeated" in figures and "eight" in figures:
        add(
            "repeated: CPU of a later cycle / one-shot",
            figures["repeated"],
            column("eight", "ours", CPU),
            "s",
            0.30,
            0.2,
        )
    if "sentinel" in figures:
        guarded, unguarded = figures["sentinel"]["guarded"], figures["sentinel"]["unguarded"]
        add("repeated: CPU of a later cycle, guarded / without the sentinel", guarded, unguarded, "s", 1.05, 1.03)
    if "growth" in figures:
        growth = {case: median(samples) for case, samples in figures["growth"].items()}
        grown = growth["after"] - growth["before"]
        cells = [f"{growth['after']:.1f} MB", f"{growth['before']:.1f} MB", f"{grown:+.1f} MB", "0", "0"]
        what = f"repeated: memory after {growth['cycles']} more cycles"
        # Memory moves in steps of 0.6 MB; a leak of a kilobyte a cycle is more than one.
        table.append([what, *cells, "met" if grown < 1 else "NOT MET"])
    return table


def others(figures: dict[str, Any]) -> list[list[str]]:
    """Return every case that was measured."""
    table = [["group", "case", "CPU", "wall", "peak memory"]]
    for group, cases in figures.items():
        if isinstance(cases, dict) and group not in ("growth", "sentinel"):
            for case, samples in cases.items():
                cells = [[sample[which] for sample in samples] for which in (CPU, WALL, MEMORY)]
                table.append(
                    [group, case, *(spread(cell, unit) for cell, unit in zip(cells, ("s", "s", "MB"), strict=True))]
                )
    return table


def markdown(table: list[list[str]]) -> str:
    """Return a table of Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([lines[0], "|" + " --- |" * len(table[0]), *lines[1:]])


def machine() -> str:
    """Return what it was measured on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    system = f"{platform.system()} {platform.release()}"
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GB, {system}, Python {platform.python_version()}"


def write_page(path: Path, runs: list[dict[str, Any]], rounds: int) -> None:
    """Replace the figures in the page; the text around them is written by hand."""
    page = path.read_text() if path.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    when = time.strftime("%Y-%m-%d", time.gmtime())
    told = (
        f"Measured {when} on {machine()}; {len(runs)} runs of the whole benchmark, {rounds} turns each: medians of all "
        "(lowest-highest); the ratio is the median of the turns' ratios, since the machine's speed drifts."
    )
    body = "\n\n".join([told, markdown(table_of(runs)), "All cases:", markdown(others(together(runs)))])
    path.write_text(f"{before}{BEGIN}\n{body}\n{END}{after}")
