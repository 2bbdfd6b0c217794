"""Two figures of stored answers: test error against seconds, and seconds against the size of the data."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["draw_curves", "draw_scaling"]

# A competitor has the same colour in both panels; isthmus is black.
COLOURS = {
    name: f"C{index}"
    for index, name in enumerate(
        (
            "tutorial",
            "pythae",
            "skorch",
            "pyod",
            "mlp_regressor",
            "lightning",
            "jax_scan",
            "isthmus, the tutorial's recipe",
        )
    )
} | {"isthmus": "black", "isthmus, one epoch": "C9"}
PANELS = {"digits-curves": "digits to 2 dimensions", "fashion-quality": "Fashion-MNIST to 32 dimensions"}


def draw_curves(stored: Mapping[str, Any], path: Path) -> None:
    """Test error against seconds, log-log, one line per competitor; isthmus thicker, PCA dashed."""
    found = [name for name in PANELS if name in stored]
    if not found:
        return
    with style.context("petroff10"):
        figure = Figure(figsize=(8 * len(found), 4.8), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
            _draw_errors(axes, stored[name]["runs"])
            axes.set_title(PANELS[name])
        figure.savefig(path, dpi=110)


def _draw_errors(axes: Axes, runs: Mapping[str, list[dict]]) -> None:
    for name, results in runs.items():
        curve = results[0]["curve"]
        if name == "pca":
            axes.axhline(curve[-1][1], color="gray", linestyle="--", linewidth=1, label="PCA")
            continue
        seconds, errors = zip(*curve, strict=True)
        ours = name.startswith("isthmus")
        marker = {"marker": "o", "markersize": 3} if len(curve) < 20 else {}
        axes.plot(seconds, errors, label=name, color=COLOURS[name], linewidth=2.5 if ours else 1.2, **marker)
    axes.set(xscale="log", yscale="log", xlabel="seconds of training", ylabel="test error (squared, per pixel)")
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def draw_scaling(stored: Mapping[str, Any], path: Path) -> None:
    """Seconds of a one-epoch fit against rows and against columns, with a line of slope one."""
    if "scaling" not in stored:
        return
    with style.context("petroff10"):
        figure = Figure(figsize=(10, 4), layout="constrained")
        for axes, kind in zip(figure.subplots(1, 2), ("rows", "columns"), strict=True):
            points = [
                (int(name.split()[1]), statistics.median(result["seconds"] for result in results))
                for name, results in stored["scaling"]["runs"].items()
                if name.startswith(kind)
            ]
            if not points:
                continue
            counts, seconds = zip(*points, strict=True)
            axes.plot(counts, seconds, marker="o", label="isthmus")
            axes.plot(counts, [seconds[-1] * count / counts[-1] for count in counts], "k:", label="in proportion")
            axes.set(xscale="log", yscale="log", xlabel=kind, ylabel="seconds")
            axes.legend()
        figure.savefig(path, dpi=110)
