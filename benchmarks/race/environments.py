"""The Python that a competitor runs in: this one, or that of .venv-peers with the other libraries."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

__all__ = ["PEERS", "python_for", "set_up_peers"]

BENCHMARKS = Path(__file__).parent.parent
FOLDER = BENCHMARKS.parent / ".venv-peers"
PEERS = ("pythae", "skorch", "pyod", "lightning", "jax_scan", "scvi", "ctgan", "skdim")


def python_for(competitor: str) -> Path:
    """The interpreter of a competitor."""
    return FOLDER / "bin" / "python" if competitor in PEERS else Path(sys.executable)


def set_up_peers() -> None:
    """Create .venv-peers from peers.txt, unless it is up to date.

    torch is installed first, so no other package replaces the build chosen for this machine.
    """
    requirements = BENCHMARKS / "peers.txt"
    wanted, stamp = hashlib.sha256(requirements.read_bytes()).hexdigest(), FOLDER / "ready"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("== setting up .venv-peers (a few minutes) ==", flush=True)
    torch = next(line for line in requirements.read_text().splitlines() if line.startswith("torch=="))
    if not (FOLDER / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
    install = [FOLDER / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, torch], check=True)
    subprocess.run([*install, "-r", requirements], check=True)
    stamp.write_text(wanted)
