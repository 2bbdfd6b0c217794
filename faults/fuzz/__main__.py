"""Fuzz every loader in turn, each for a share of the time, and write counts and findings to results/fuzz.json.

A finding does not end the run: it is saved in faults/fuzz/finds/LOADER/, and the loader goes on for the time left. With
--only, the counts of the other loaders stay as they are.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from faults.fuzz.seeds import CORPUS, write_seeds

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "fuzz.json"
FINDS = HERE / "finds"
LOADERS = (
    "model", "detector", "denoiser", "head", "checkpoint", "run", "csv", "npy", "npz", "parquet", "idx", "json_records",
    "arff", "excel", "matlab", "hdf5", "word_vectors", "svmlight", "matrix_market", "feather", "packed", "sound",
    "several", "image",
)  # fmt: skip
MOST_FINDS = 10
LONGEST_INPUT = dict.fromkeys(("model", "detector", "denoiser", "head", "checkpoint", "run", "hdf5"), 16384)


def fuzz(loader: str, seconds: float, corpus: Path) -> dict[str, Any]:
    """Fuzz one loader for some seconds: inputs tried, edges covered, findings."""
    finds = FINDS / loader
    finds.mkdir(parents=True, exist_ok=True)
    grown = corpus / loader
    grown.mkdir(parents=True, exist_ok=True)
    tried, covered, said = 0, 0, []
    begin = time.monotonic()
    while (left := seconds - (time.monotonic() - begin)) > 1 and len(said) < MOST_FINDS:
        command = [sys.executable, "-m", "faults.fuzz.one", loader, str(grown), str(CORPUS / loader)]
        command += [f"-max_total_time={int(left)}", "-print_final_stats=1", "-timeout=20", "-rss_limit_mb=2500"]
        command += [f"-artifact_prefix={finds}/", f"-max_len={LONGEST_INPUT.get(loader, 4096)}"]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=HERE.parent.parent)
        last = [int(number) for number in re.findall(r"^#(\d+)", ended.stderr, re.MULTILINE)]
        stats = re.search(r"number_of_executed_units: (\d+)", ended.stderr)
        tried += int(stats[1]) if stats else max(last, default=0)
        covered = max([covered, *map(int, re.findall(r"cov: (\d+)", ended.stderr))])
        if ended.returncode == 0:
            break
        (finds / f"said-{len(said)}.txt").write_text(ended.stdout + ended.stderr)
        lines = [
            line for line in (ended.stdout + ended.stderr).splitlines() if re.match(r"\w.*(Error|Find|ERROR)", line)
        ]
        said.append((lines or [f"exit {ended.returncode}"])[0][:300])
    took = time.monotonic() - begin
    return {"seconds": round(took, 1), "inputs": tried, "coverage": covered, "finds": len(said), "said": said}


def main() -> None:
    """Fuzz, print and save the counts."""
    asked = argparse.ArgumentParser(prog="python -m faults.fuzz", description=__doc__)
    asked.add_argument("--seconds", type=float, default=600, help="for all loaders together")
    asked.add_argument("--only", nargs="*", default=LOADERS, choices=LOADERS)
    asked.add_argument("--output", type=Path, default=RESULTS)
    given = asked.parse_args()
    if not all((CORPUS / loader).is_dir() for loader in LOADERS):
        write_seeds()
    found = {}
    with tempfile.TemporaryDirectory() as corpus:
        for loader in given.only:
            found[loader] = fuzz(loader, given.seconds / len(given.only), Path(corpus))
            print(loader, json.dumps(found[loader]), flush=True)
    if given.output.exists() and len(given.only) < len(LOADERS):
        found = json.loads(given.output.read_text())["loaders"] | found
    total = {
        "inputs": sum(one["inputs"] for one in found.values()),
        "finds": sum(one["finds"] for one in found.values()),
    }
    total |= {"seconds": round(sum(one["seconds"] for one in found.values())), "atheris": version("atheris")}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps({"total": total, "loaders": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
