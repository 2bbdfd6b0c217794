"""Tables made from what the benchmarks wrote: each function reads results and answers in Markdown."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent.parent.parent / "benchmarks" / "results"


def sources() -> Iterator[Path]:
    """The files that the tables are made from."""
    return iter(sorted(RESULTS.glob("*.json")))


def results(name: str) -> Any:
    """One benchmark's results."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


TASKS = {  # name: (what it is called, whether less is better, whether it is a ratio to the linear model's)
    "reconstruct": ("reconstruction: error over PCA's", True, True),
    "neighbours": ("5 nearest neighbours on codes: accuracy", False, False),
    "logistic": ("logistic regression on codes: accuracy", False, False),
    "denoise": ("noise taken out: error over PCA's", True, True),
    "sample": ("rows drawn: energy distance", True, False),
    "anomaly": ("anomalies: area under ROC", False, False),
}
LINEAR, PLAIN = "linear", "vanilla"
OVERCOMPLETE = "sparse"
ENOUGH_SEEDS = 5


def which_variant() -> str:
    """Every task a row, every variant a column: means over tables of means over seeds, lowest and highest seed."""
    kinds = _kinds()
    lines = ["| task | " + " | ".join(kinds) + " |", "|---|" + "---|" * len(kinds)]
    for task, (name, *_) in TASKS.items():
        best = best_variant(task)
        cells = []
        for kind in kinds:
            by_seed = [_over_tables(task, kind, "test", seed) for seed in _seeds()]
            said = f"{_mean(by_seed):.3f} ({min(by_seed):.2f} – {max(by_seed):.2f})"
            cells.append(f"**{said}**" if kind == best else said)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def which_variant_by_table(task: str) -> str:
    """One task, a table a row: means over seeds on test rows, the one best on validation rows in bold."""
    rows = [row for row in _variants() if task in row["test"]]
    kinds = _kinds()
    lines = ["| table | columns | code | " + " | ".join(kinds) + " |", "|---|---|---|" + "---|" * len(kinds)]
    for data in dict.fromkeys(row["data"] for row in rows):
        one = next(row for row in rows if row["data"] == data and row["variant"] == LINEAR)
        able = [kind for kind in kinds if kind != OVERCOMPLETE or not TASKS[task][2]]
        best = _best({kind: _mean_of(task, kind, "validation", data) for kind in able}, task)
        cells = [f"{_mean_of(task, kind, 'test', data):.3f}" for kind in kinds]
        cells = [f"**{cell}**" if kind == best else cell for kind, cell in zip(kinds, cells, strict=True)]
        lines.append(f"| {data} | {one['columns']} | {one['size']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def variant_seconds() -> str:
    """How long a fit takes, in fits of the plain one: medians over everything."""
    times = {kind: [row["seconds"] for row in _variants() if row["variant"] == kind] for kind in _kinds()}
    plain = statistics.median(times[PLAIN])
    said = [f"{kind} {statistics.median(seconds) / plain:.1f}" for kind, seconds in times.items()]
    return ", ".join(said)


def best_variant(task: str) -> str:
    """The variant best at a task on validation rows; where size is the bargain, of those with codes of one size."""
    kinds = [kind for kind in _kinds() if kind != OVERCOMPLETE or not TASKS[task][2]]
    return _best({kind: _over_tables(task, kind, "validation") for kind in kinds}, task)


def seeds_said() -> str:
    """How many seeds every table and variant was fitted with, and whether that is enough to know the spread."""
    count = len(_seeds())
    return f"{count} seeds" if count >= ENOUGH_SEEDS else f"{count} seeds (too few to know the spread well)"


def n_tables() -> int:
    """Tables fitted."""
    return len({row["data"] for row in _variants()})


def _variants() -> list[dict[str, Any]]:
    """The runs of the seeds that every variant and table has been fitted with; a benchmark cut short has more."""
    rows = results("variants")
    fits = Counter(row["seed"] for row in rows)
    return [row for row in rows if fits[row["seed"]] == max(fits.values())]


def _kinds() -> list[str]:
    """The linear and the plain one first."""
    return sorted({row["variant"] for row in _variants()}, key=lambda kind: (kind != LINEAR, kind != PLAIN, kind))


def _seeds() -> list[int]:
    return sorted({row["seed"] for row in _variants()})


def _over_tables(task: str, kind: str, on: str, seed: int | None = None) -> float:
    """Mean over tables; of ratios the geometric one."""
    tables = list(dict.fromkeys(row["data"] for row in _variants() if task in row["test"]))
    figures = [_mean_of(task, kind, on, data, seed) for data in tables]
    if TASKS[task][2]:
        return math.exp(_mean([math.log(figure) for figure in figures]))
    return _mean(figures)


def _mean_of(task: str, kind: str, on: str, data: str, seed: int | None = None) -> float:
    """Mean over seeds of a figure, or of its ratio to the linear model's of the same seed."""
    figures = {
        (row["variant"], row["seed"]): row[on][task]
        for row in _variants()
        if row["data"] == data and row["variant"] in (kind, LINEAR) and seed in (None, row["seed"])
    }
    seeds = sorted({one for _, one in figures})
    if TASKS[task][2]:
        return _mean([figures[kind, one] / figures[LINEAR, one] for one in seeds])
    return _mean([figures[kind, one] for one in seeds])


def _best(figures: dict[str, float], task: str) -> str:
    return (min if TASKS[task][1] else max)(figures, key=lambda kind: figures[kind])


def _mean(figures: list[float]) -> float:
    return statistics.fmean(figures)


# ---- beside peers ----------------------------------------------------------------------------------------


def speed_beside_peers() -> str:
    """The races against other libraries: seconds of the other over isthmus's, in the same run."""
    peers = {"tutorial's loop", "pythae", "skorch", "pyod", "mlp_regressor", "lightning", "limit: JAX scan"}
    lines = [
        "| work | against | time of the other / time of isthmus, median (lowest – highest) | isthmus | the other |"
    ]
    lines.append("|---|---|---|---|---|")
    for question in ("same-network", "whole-process", "fashion-epoch", "fashion-quality"):
        for row in results("speed")[question]["rows"]:
            if row["against"] in peers or "peer: mlp" in row["against"] or "script" in row["against"]:
                values = row["values"]
                ratio = f"{statistics.median(values):.2f} ({min(values):.2f} – {max(values):.2f})"
                ratio = f"**{ratio}**" if statistics.median(values) < 1 else ratio
                lines.append(f"| {row['work']} | {row['against']} | {ratio} | {row['ours']} | {row['theirs']} |")
    return "\n".join(lines)


def _detectors_on_clean_rows() -> dict[str, dict[str, float]]:
    """Area under the ROC curve by set and detector, means over seeds, of the detectors that ran on every set."""
    runs: dict[str, list[dict]] = {}
    for key, figures in results("anomalies").items():
        name, protocol, _ = key.rsplit(", ", 2)
        if protocol == "clean":
            runs.setdefault(name, []).append(figures)
    everywhere = [run for of in runs.values() for run in of]
    kinds = [kind for kind in everywhere[0] if all("auroc" in run.get(kind, ()) for run in everywhere)]
    return {name: {kind: _mean([run[kind]["auroc"] for run in of]) for kind in kinds} for name, of in runs.items()}


def _mean_detectors() -> dict[str, float]:
    means = _detectors_on_clean_rows()
    return {kind: _mean([of[kind] for of in means.values()]) for kind in next(iter(means.values()))}


def anomalies_beside_peers() -> str:
    """Area under the ROC curve, means over seeds, learned from clean rows."""
    means = _detectors_on_clean_rows()
    kinds = list(_mean_detectors())
    lines = ["| table | " + " | ".join(kind.replace("_", " ") for kind in kinds) + " |", "|---|" + "---|" * len(kinds)]
    for name, of in [*means.items(), ("mean", _mean_detectors())]:
        best = max(of.values())
        cells = [f"**{of[kind]:.3f}**" if of[kind] == best else f"{of[kind]:.3f}" for kind in kinds]
        lines.append(f"| {name.split('_', 1)[-1]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def best_detector() -> str:
    """The detector with the highest mean area."""
    means = _mean_detectors()
    best = max(means, key=lambda kind: means[kind])
    if best == "isthmus":
        return f"isthmus ({means[best]:.3f}; nearest neighbours {means['knn']:.3f})"
    return f"{'nearest neighbours' if best == 'knn' else best} ({means[best]:.3f}; isthmus {means['isthmus']:.3f})"


def generation_beside_peers() -> str:
    """Energy distance and 1-NN accuracy of rows drawn by each way."""
    lines = ["| data | method | energy distance | 1-NN accuracy, 0.5 is best |", "|---|---|---|---|"]
    for row in results("generation"):
        if "training rows" not in row["way"]:
            energy, accuracy = row["energy_distance"]["mean"], row["nearest_neighbour_accuracy"]["mean"]
            lines.append(f"| {row['data']} | {row['way']} | {energy:.4f} | {accuracy:.2f} |")
    return "\n".join(lines)


def races_lost() -> int:
    """Rows of the races in which the other was quicker."""
    rows = [row for question in results("speed").values() for row in question["rows"]]
    others = ("pythae", "skorch", "pyod", "mlp_regressor", "lightning", "tutorial's loop", "limit: JAX scan")
    return sum(row["against"] in others and statistics.median(row["values"]) < 1 for row in rows)


def contractive_cost() -> str:
    """Seconds of a contractive step over those of a plain one."""
    row = next(row for row in results("speed")["contractive"]["rows"] if row["work"].endswith("threads 1: default"))
    return f"{statistics.median(row['values']):.1f}"


# ---- what the defaults bring -----------------------------------------------------------------------------


def quality() -> str:
    """Pictures with nothing set, beside PCA."""
    return (RESULTS / "quality.md").read_text(encoding="utf-8")


def tables() -> str:
    """Tables with nothing set, beside PCA."""
    return (RESULTS / "tables.md").read_text(encoding="utf-8")


def binarized_digits() -> str:
    """Bounds on the log density of held-out binary digits, a row for each way of making them binary."""
    lines = [
        "| pixels are 1 | fits | importance-weighted bound | evidence lower bound | epochs | CPU seconds |",
        "|---|---|---|---|---|---|",
    ]
    for how, said in (("drawn", "with their value as probability"), ("above .5", "above .5")):
        found = [row for row in results("binarized_mnist") if row["pixels"] == how]
        if found:
            weighted, bound, epochs, seconds = (
                _mean([row[name] for row in found]) for name in ("weighted", "bound", "epochs", "seconds")
            )
            lines.append(f"| {said} | {len(found)} | {weighted:.2f} | {bound:.2f} | {epochs:.0f} | {seconds:.0f} |")
    return "\n".join(lines)


def _spread(values: list[float], digits: int) -> str:
    """The mean, and the lowest and highest if there are several."""
    mean, low, high = (f"{value:.{digits}f}" for value in (_mean(values), min(values), max(values)))
    return mean if len(values) == 1 else f"{mean} ({low} – {high})"


def ways(benchmark: str) -> str:
    """Every set and way a row, every figure a column: means over seeds (lowest to highest), and the seconds."""
    rows = results(benchmark)
    figures = [name for name in rows[0] if name not in ("set", "seed", "way")]
    figures.sort(key=lambda name: name == "seconds")
    lines = [f"| set | method | seeds | {' | '.join(figures)} |", f"|---|---|---|{'---|' * len(figures)}"]
    for data, way in dict.fromkeys((row["set"], row["way"]) for row in rows):
        found = [row for row in rows if (row["set"], row["way"]) == (data, way)]
        cells = []
        for name in figures:
            values = [row[name] for row in found if name in row]
            if not values:
                cells.append("–")
                continue
            digits = 0 if max(values) >= 100 else 1 if name == "seconds" else 3
            cells.append(_spread(values, digits) if name != "seconds" else f"{_mean(values):.{digits}f}")
        lines.append(f"| {data} | {way} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def shapes() -> str:
    """Photos, sounds and word vectors: errors over PCA's, what stays of neighbours or labels; means over seeds."""
    lines = [
        "| data | latents | seeds | error / PCA's | plain network's / PCA's | kept in the code | kept in PCA's |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = results("shapes")
    for data, latents in dict.fromkeys((row["data"], row["latents"]) for row in rows):
        found = [row for row in rows if (row["data"], row["latents"]) == (data, latents)]
        ratios, plain = ([row[name] for row in found] for name in ("ratio", "plain_ratio"))
        kept = [name.removeprefix("code_") for name in found[0] if name.startswith("code_")]
        sides = [
            ", ".join(f"{name} {_mean([row[f'{side}_{name}'] for row in found]):.1%}" for name in kept) or "–"
            for side in ("code", "pca")
        ]
        lines.append(
            f"| {data} | {latents} | {len(found)} | {_spread(ratios, 3)} | {_mean(plain):.3f} | {' | '.join(sides)} |"
        )
    return "\n".join(lines)


# ---- codes and evidence ---------------------------------------------------------------------------------


def cost_of_codes() -> str:
    """Microseconds a row on one core: the encoder's pass, three steps of descent, a step with the whole curvature."""
    lines = [
        "| network | encoder | three steps | one step with H | its matrix products alone | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in results("inference")["cost"].items():
        cells = [f"{row[key]:.1f}" for key in ("encoder", "three steps of descent", "step", "products")]
        lines.append(f"| {name} | {' | '.join(cells)} | {row['step over products']:.2f} |")
    return "\n".join(lines)


def coverage_of_bands() -> str:
    """The share of true codes within bands of 90%, by dimension: mean, lowest and highest over seeds and latents."""
    shares: dict[str, list[float]] = {}
    for name, row in results("inference")["bands"].items():
        shares.setdefault(name.split(",")[0].removeprefix("curved "), []).extend(row)
    lines = ["| true dimensions | within | lowest – highest |", "|---|---|---|"]
    for name, row in shares.items():
        lines.append(f"| {name} | {100 * _mean(row):.1f}% | {100 * min(row):.1f} – {100 * max(row):.1f}% |")
    return "\n".join(lines)


def sizes_by_score() -> str:
    """What `GridSearchCV` chose by the score where the dimension is known, and the noise variance found there."""
    groups: dict[str, list[dict[str, Any]]] = {}
    found = results("inference")["sizes"]
    for name, row in found.items():
        if isinstance(row, dict):
            groups.setdefault(name.split(",")[0], []).append(row)
    lines = ["| data, dimension | seeds | right | noise variance found / true |", "|---|---|---|---|"]
    for name, rows in groups.items():
        shares = [row["noise found"] / row["noise"] for row in rows]
        right = sum(row["found"] == row["true"] for row in rows)
        lines.append(
            f"| {name} | {len(rows)} | {right} | {_mean(shares):.2f} ({min(shares):.2f} – {max(shares):.2f}) |"
        )
    return "\n".join(lines)
