"""Ten million steps of eight channels, more than is held in memory: the detector's time and peak memory.

    python benchmarks/series_large.py [--steps 10000000] [--channels 8] [-o benchmarks/results/series_large.json]

Each channel is a sine with noise. The series is written to a memory-mapped file of float32, with an anomaly every
million steps.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from isthmus.series import SeriesOutlierDetector

CHUNK = 1 << 18


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        shape = (given.steps, given.channels)
        series = np.memmap(Path(folder, "series"), dtype=np.float32, mode="w+", shape=shape)
        for start in range(0, given.steps, CHUNK):
            t = np.arange(start, min(start + CHUNK, given.steps))
            part = np.sin(2 * np.pi * t[:, None] / (40 + 7 * np.arange(given.channels)))
            part += 0.2 * rng.normal(size=part.shape)
            part[(t % 1_000_000 >= 500_000) & (t % 1_000_000 < 500_060), 0] = 1.5
            series[start : start + len(t)] = part
        series.flush()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        cpu, wall = time.process_time(), time.perf_counter()
        detector = SeriesOutlierDetector(episodes=2 * given.steps / 1e6 / given.steps * 1000).fit(series)
        found = {
            "steps": given.steps,
            "channels": given.channels,
            "windows": list(detector.windows_),
            "cpu_seconds": round(time.process_time() - cpu, 1),
            "wall_seconds": round(time.perf_counter() - wall, 1),
            "megabytes_of_numbers": round(8 * given.steps * given.channels / 2**20),
            "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "peak_megabytes_before": round(before),
            "anomalies_found": sum(
                any(one.first <= at + 60 and one.last >= at for one in detector.episodes_)
                for at in range(500_000, given.steps, 1_000_000)
            ),
            "episodes": len(detector.episodes_),
        }
    text = json.dumps(found, indent=1)
    print(text)
    if given.output:
        given.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
