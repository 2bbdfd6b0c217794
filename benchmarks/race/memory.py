"""Memory of this process, as Linux counts it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["forget_peak", "peak_mb", "resident_mb"]


def resident_mb() -> float:
    """Memory in use now."""
    return _field("VmRSS")


def peak_mb() -> float:
    """The peak since `forget_peak`."""
    return _field("VmHWM")


def forget_peak() -> None:
    """Reset the peak to the memory in use now."""
    Path("/proc/self/clear_refs").write_text("5")


def _field(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))
