"""Training in several processes: the gain from a second one, and the time for a billion rows.

    python benchmarks/distributed.py            # measures, writes results/several_processes.json and the page
    python benchmarks/distributed.py --page     # only the page, from the stored figures

One process on one core and two on two cores are timed in turns, on rows near a curved surface read from Parquet (see
larger_than_memory.py). The model for an epoch of n rows in batches of B by N processes is

    n / N · row + n / B · (step + sum(N)),      sum(N) = 2 (N - 1) · latency + 2 (N - 1) / N · bytes / bandwidth

row and step follow from one process and two batch sizes, latency and bandwidth from sums of several sizes over two
processes (sum(N) is a ring's: Patarasuk and Yuan 2009). The time of two processes is then predicted and compared.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from larger_than_memory import N_COLUMNS, curved_rows

HERE = Path(__file__).parent
RESULT = HERE / "results" / "several_processes.json"
PAGE = HERE.parent / "docs" / "several-processes.md"
N_ROWS, GROUP_ROWS, N_EPOCHS, REPEATS = 1 << 19, 1 << 16, 3, 3
BATCHES = (1024, 8192)
SUMMED = (1, 1 << 12, 1 << 15, 1 << 18, 1 << 20)
BILLION, MANY_EPOCHS = 10**9, 3
MACHINES = (1, 2, 4, 8, 16, 64)
NETWORKS = {"this machine's loopback": None, "10 Gbit/s, 50 µs": (50e-6, 1.25e9), "1 Gbit/s, 100 µs": (1e-4, 1.25e8)}


def torchrun(size: int, *arguments: str) -> float:
    """Seconds of a command in ``size`` processes, on as many cores."""
    command = ["taskset", "-c", f"0-{size - 1}", sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(size), *arguments]
    started = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def epoch_seconds(source: Path, run: Path, size: int, batch: int) -> dict[str, float]:
    """Seconds of an epoch, without the first; and of the command, without its epochs."""
    arguments = ["-m", "isthmus", "fit", str(source), "-o", str(run), "--overwrite", "--memory", "32", "--seed", "0"]
    arguments += [
        "--n-components",
        "8",
        "--batch-size",
        str(batch),
        "--max-iter",
        str(N_EPOCHS),
        "--no-plots",
        "--no-page",
    ]
    whole = torchrun(size, *arguments)
    with (run / "history.csv").open() as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    return {"epoch": (seconds[-1] - seconds[1]) / (N_EPOCHS - 1), "besides": whole - seconds[-1]}


def sums() -> None:
    """In one of two processes: seconds of one sum over both, by its number of float64 values."""
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    found = {}
    for count in SUMMED:
        numbers = torch.ones(count, dtype=torch.float64)
        times = []
        for _ in range(60):
            distributed.barrier()
            started = time.perf_counter()
            distributed.all_reduce(numbers)
            times.append(time.perf_counter() - started)
        found[count] = statistics.median(times)
    if distributed.get_rank() == 0:
        Path(os.environ["SUMS"]).write_text(json.dumps(found))
    distributed.destroy_process_group()


def measure() -> dict[str, Any]:
    import pyarrow
    from pyarrow import parquet

    facts: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
    }
    with tempfile.TemporaryDirectory() as place:
        source, run, few = Path(place, "rows.parquet"), Path(place, "run"), Path(place, "few.parquet")
        rows = curved_rows(N_ROWS, 0, 0)
        table = pyarrow.table({f"x{column}": rows[:, column] for column in range(N_COLUMNS)})
        parquet.write_table(table, source, row_group_size=GROUP_ROWS, use_dictionary=False)
        parquet.write_table(table.slice(0, 2000), few)
        os.environ["SUMS"] = str(Path(place, "sums.json"))
        torchrun(2, __file__, "--sums")
        facts["sums"] = json.loads(Path(place, "sums.json").read_text())
        turns = [
            {(size, batch): epoch_seconds(source, run, size, batch) for size in (1, 2) for batch in BATCHES}
            for _ in range(REPEATS)
        ]
        start = epoch_seconds(few, run, 1, BATCHES[0])["besides"]
        with (run / "model" / "config.json").open() as file:
            widths = json.load(file)["architecture"]["hidden_widths"]
        with (run / "test_rows.csv").open() as file:
            n_held_out = (sum(1 for _ in file) - 1) * N_ROWS // 2000
        facts["n_weights"] = _weights_in(run)
    facts |= {"hidden_widths": widths, "n_learned": N_ROWS - n_held_out}
    facts["epochs"] = [
        {"processes": size, "batch": batch, "seconds": [turn[size, batch]["epoch"] for turn in turns]}
        for size in (1, 2)
        for batch in BATCHES
    ]
    facts["efficiency"] = {
        str(batch): [turn[1, batch]["epoch"] / turn[2, batch]["epoch"] / 2 for turn in turns] for batch in BATCHES
    }
    facts["besides"] = statistics.median(turn[1, BATCHES[1]]["besides"] for turn in turns) - start
    return facts


def _weights_in(run: Path) -> int:
    import isthmus

    return sum(parameter.numel() for parameter in isthmus.load(run / "model").model_.parameters())


def constants(facts: dict[str, Any]) -> dict[str, float]:
    """Seconds: per row, per step, per row of the passes before and after training, per sum and per byte of one."""
    times = {(each["processes"], each["batch"]): statistics.median(each["seconds"]) for each in facts["epochs"]}
    n, (small, large) = facts["n_learned"], BATCHES
    step = (times[1, small] - times[1, large]) / (n / small - n / large)
    counts = np.array([int(count) for count in facts["sums"]])
    slope, intercept = np.polyfit(
        8 * counts, list(facts["sums"].values()), 1, w=1 / np.array(list(facts["sums"].values()))
    )
    return {
        "row": times[1, large] / n - step / large,
        "step": step,
        "pass": facts["besides"] / N_ROWS,
        "latency": intercept / 2,  # of the two messages of a ring of two
        "per_byte": slope,  # 2 (N - 1) / N is 1 for two
    }


def predicted(known: dict[str, float], facts: dict[str, Any], n: float, batch: int, size: int, network: Any) -> float:
    """Seconds of an epoch."""
    latency, per_byte = (known["latency"], known["per_byte"]) if network is None else (network[0], 1 / network[1])
    summed = 2 * (size - 1) * latency + 2 * (size - 1) / size * 8 * facts["n_weights"] * per_byte
    return n / size * known["row"] + n / batch * (known["step"] + summed)


def written(facts: dict[str, Any]) -> str:
    """The part of the page that is computed."""
    known = constants(facts)
    network = f"64-{'-'.join(map(str, facts['hidden_widths']))}-8"
    lines = [
        f"Measured {facts['date']} ({facts['machine']}): a network {network} and its mirror image, "
        f"{facts['n_weights']:,} weights, {facts['n_learned']:,} rows with {N_COLUMNS} features from Parquet, "
        f"{REPEATS} rounds in turns, median and range.",
        "",
        "| batch | epoch, 1 process on 1 core | epoch, 2 processes on 2 cores | efficiency | predicted for 2 |",
        "|---:|---:|---:|---:|---:|",
    ]
    times = {(each["processes"], each["batch"]): each["seconds"] for each in facts["epochs"]}
    for batch in BATCHES:
        one, two, share = times[1, batch], times[2, batch], facts["efficiency"][str(batch)]
        lines.append(
            f"| {batch:,} | {statistics.median(one):.2f} s | {statistics.median(two):.2f} s "
            f"| {statistics.median(share):.0%} ({min(share):.0%} – {max(share):.0%}) "
            f"| {predicted(known, facts, facts['n_learned'], batch, 2, None):.2f} s |"
        )
    lines += [
        "",
        f"From these: {known['row'] * 1e6:.2f} µs a row, {known['step'] * 1e6:.0f} µs a step, a sum over two processes "
        f"{2 * known['latency'] * 1e6:.0f} µs and {1e9 * known['per_byte']:.2f} ns a byte (8 bytes a weight), and "
        f"{known['pass'] * 1e6:.2f} µs a row for all passes other than training: choosing what to hold out, "
        "statistics, PCA, evaluation.",
        "",
        f"Hours for 10⁹ such rows, {MANY_EPOCHS} epochs in batches of {BATCHES[1]:,}, one core a process:",
        "",
        f"| processes | {' | '.join(NETWORKS)} |",
        "|---:|" + "---:|" * len(NETWORKS),
    ]
    for size in MACHINES:
        row = []
        for speeds in NETWORKS.values():
            epochs = MANY_EPOCHS * predicted(known, facts, BILLION, BATCHES[1], size, speeds)
            row.append(f"{(epochs + BILLION * known['pass'] / size) / 3600:.2f}")
        lines.append(f"| {size} | {' | '.join(row)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", action="store_true", help="only write the page")
    parser.add_argument("--sums", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.sums:
        sums()
        return
    if not asked.page:
        RESULT.write_text(json.dumps(measure(), indent=1) + "\n")
    figures = written(json.loads(RESULT.read_text()))
    marks = "<!-- several_processes -->", "<!-- /several_processes -->"
    before, rest = PAGE.read_text().split(marks[0])
    PAGE.write_text(f"{before}{marks[0]}\n\n{figures}\n\n{marks[1]}{rest.split(marks[1])[1]}")
    print(figures)


if __name__ == "__main__":
    main()
