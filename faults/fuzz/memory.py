"""How much memory a file takes, as a multiple of its size: python -m faults.fuzz.memory writes results/memory.json.

Each kind is read in its own process; memory used before reading is not counted.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

__all__ = ["times_its_size"]

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "memory.json"
READ = """
import sys
import pyarrow.csv, pyarrow.parquet, numpy.lib.format, numpy as np
from pathlib import Path
from isthmus.tables import read
def used():  # the peak since it was last reset; getrusage would start at that of the parent
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
path = Path(sys.argv[1])
if path.name == "model":
    from isthmus import Autoencoder, load, save
    rows = np.eye(9, dtype=np.float32)
    save(Autoencoder(2, max_iter=0).fit(rows), path.parent / "warm")
    load(path.parent / "warm")
    read = load
else:
    read = lambda path: read(path, labels="k" if path.name == "words.csv" else None)
Path("/proc/self/clear_refs").write_text("5")
before = used()
found = read(path)
print(used() - before)
"""


def times_its_size(kind: str, folder: Path) -> float:
    """Peak memory of reading a file of this kind, divided by its size."""
    path = MADE[kind](folder)
    told = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return int(told.stdout.split()[-1]) / sum(file.stat().st_size for file in files)


def _model(folder: Path) -> Path:
    from isthmus import Autoencoder, save

    rows = np.random.default_rng(0).normal(size=(64, 2000)).astype(np.float32)
    return save(Autoencoder(2, hidden_layer_sizes=(2000,), max_iter=0).fit(rows), folder / "model")


def _csv(folder: Path) -> Path:
    (folder / "digits.csv").write_text("1,2,3,4,5,6,7,8\n" * 1_000_000)  # the shortest cells possible
    return folder / "digits.csv"


def _words(folder: Path) -> Path:
    (folder / "words.csv").write_text("a,k\n" + "1,x\n2,y\n" * 1_000_000)
    return folder / "words.csv"


def _npy(folder: Path) -> Path:
    np.save(folder / "pictures.npy", np.ones((20_000, 28, 28), np.uint8))
    return folder / "pictures.npy"


def _npz(folder: Path) -> Path:
    np.savez(folder / "bytes.npz", X=np.ones((200_000, 100), np.uint8))
    return folder / "bytes.npz"


def _idx(folder: Path) -> Path:
    (folder / "t-images-idx3-ubyte").write_bytes(struct.pack(">HBB3I", 0, 8, 3, 20_000, 28, 28) + bytes(15_680_000))
    return folder / "t-images-idx3-ubyte"


def _parquet(folder: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    values = np.random.default_rng(0).normal(size=(100, 50_000))
    parquet.write_table(pa.table({f"x{index}": row for index, row in enumerate(values)}), folder / "f.parquet")
    return folder / "f.parquet"


MADE = {
    "model": _model,
    "csv": _csv,
    "csv with labels": _words,
    "npy of bytes": _npy,
    "npz": _npz,
    "idx": _idx,
    "parquet": _parquet,
}


def main() -> None:
    """Measure every kind and save the results."""
    found = {}
    for kind in MADE:
        with tempfile.TemporaryDirectory() as folder:
            found[kind] = round(times_its_size(kind, Path(folder)), 1)
            print(f"{kind:16} {found[kind]} times its size", flush=True)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
