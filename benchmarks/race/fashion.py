"""Questions about Fashion-MNIST, 784-512-256-32: large enough for the arithmetic to matter."""

from __future__ import annotations

import statistics
from dataclasses import replace

from race.answer import Answer, Ratio, described, epoch_seconds_of, paired
from race.course import Course, Entry, busy
from race.job import Job, Result

__all__ = ["contractive_step", "fashion_epoch", "fashion_quality"]

PEERS = ("tutorial", "pythae", "skorch", "pyod", "mlp_regressor", "lightning")
GOOD_ERROR = 0.0100


def _job(course: Course, threads: int) -> Job:
    return Job(
        data="fashion-mnist",
        rows=course.pick(None, 2048),
        widths=(512, 256, 32),
        batch_size=256,
        epochs=3,
        threads=threads,
    )


def _recipe(job: Job, precision: str) -> Entry:
    return Entry("isthmus", replace(job, settings={"recipe": "tutorial", "precision": precision}))


def fashion_epoch(course: Course) -> Answer:
    """An epoch of the same network, compared with its matrix products alone and with the tutorial's loop."""
    answer = Answer()
    for threads in (1, 2):
        job = _job(course, threads)
        runs = course.race(
            {
                "products": Entry("products", job),
                "isthmus float32": _recipe(job, "float32"),
                "isthmus bfloat16": _recipe(job, "bfloat16"),
                "tutorial": Entry("tutorial", job),
                "jax_scan": Entry("jax_scan", job),
            },
            repeats=course.pick(3, 1),
        )
        answer.runs |= {f"{name}, threads {threads}": found for name, found in runs.items()}
        answer.rows += _epoch_rows(f"Fashion-MNIST epoch, threads {threads}", runs)
    with busy():
        job = _job(course, 2)
        entries = {"tutorial": Entry("tutorial", job), "isthmus bfloat16": _recipe(job, "bfloat16")}
        runs = course.race(entries, repeats=course.pick(3, 1))
    answer.runs |= {f"{name}, threads 2, busy": found for name, found in runs.items()}
    work, ours = "the same beside a busy process, bfloat16, threads 2", runs.get("isthmus bfloat16")
    answer.rows += paired(work, "tutorial's loop", runs.get("tutorial"), ours, measure=epoch_seconds_of)
    return answer


def _epoch_rows(work: str, runs: dict[str, list[Result]]) -> list[Ratio]:
    plain, half, theirs = (runs.get(name) for name in ("isthmus float32", "isthmus bfloat16", "tutorial"))
    rows = paired(
        f"{work}, float32",
        "its matrix products alone",
        plain,
        runs.get("products"),
        wanted="≤1.25",
        measure=epoch_seconds_of,
        ours="numerator",
    )
    rows += paired(f"{work}, float32", "tutorial's loop", theirs, plain, measure=epoch_seconds_of)
    rows += paired(f"{work}, float32", "limit: JAX scan", runs.get("jax_scan"), plain, measure=epoch_seconds_of)
    rows += paired(f"{work}, bfloat16", "tutorial's loop", theirs, half, wanted="≥1.6", measure=epoch_seconds_of)
    return rows + _price_of_half(work, plain, half)


def _price_of_half(work: str, plain: list[Result] | None, half: list[Result] | None) -> list[Ratio]:
    """The test error with bfloat16 products over that with float32, seed by seed."""
    if not plain or not half:
        return []
    errors = [ours.test_mse / other.test_mse for ours, other in zip(half, plain, strict=False)]
    said = described(half, epoch_seconds_of), described(plain, epoch_seconds_of)
    return [Ratio(f"{work}, bfloat16: test error", "isthmus in float32", errors, "≤1.02", *said)]


def fashion_quality(course: Course) -> Answer:
    """Seconds until the test error is below PCA's, and below 0.0100; a competitor that takes too long is interrupted.

    The error of all but the compiled one is also measured within an epoch.
    """
    budget = course.pick(30.0, 2.0)
    job = replace(_job(course, 1), epochs=1000, curve=True, looks=True, budget=budget)
    runs = course.race(
        {
            "pca": Entry("pca", job),
            "isthmus": Entry("isthmus", replace(job, epochs=None)),
            "isthmus, one epoch": Entry("isthmus", replace(job, epochs=1)),
            **{name: Entry(name, job) for name in (*PEERS, "jax_scan")},
        },
        repeats=course.pick(2, 1),
    )
    answer = Answer(runs=dict(runs))
    pca = statistics.median(result.test_mse for result in runs["pca"])
    for target, said in ((pca, f"PCA's error ({pca:.4f})"), (GOOD_ERROR, f"{GOOD_ERROR:.4f}")):
        for name in ("isthmus", "isthmus, one epoch"):
            work = f"Fashion-MNIST to {said}: {name}"
            peers = [peer for peer in PEERS if peer in runs]
            answer.rows += _race_to(work, target, budget, runs.get(name, []), {peer: runs[peer] for peer in peers})
    return answer


def _race_to(
    work: str, target: float, budget: float, ours: list[Result], peers: dict[str, list[Result]]
) -> list[Ratio]:
    """Compared with the quickest peer, or with the budget if none arrived. If isthmus did not, the ratio is 0."""
    arrivals = [_arrival(result, target) for result in ours]
    if not arrivals or not peers:
        return []
    theirs = {
        name: [_arrival(result, target) or budget for result in results] for name, results in peers.items() if results
    }
    best = min(theirs, key=lambda name: statistics.median(theirs[name]))
    arrived = all(_arrival(result, target) is not None for result in peers[best])
    said = f"{statistics.median(theirs[best]):.3g} s" if arrived else f"not in {budget:.0f} s"
    against = f"best peer: {best}" if arrived else "best peer: none arrived"
    if None in arrivals:
        return [Ratio(work, against, [0.0], "≥10", f"not in {budget:.0f} s or at its end", said)]
    values = [slow / fast for slow, fast in zip(theirs[best], arrivals, strict=False)]
    quick = f"{statistics.median(arrivals):.3g} s"
    return [Ratio(work, against, values, "≥10", quick, said, at_least=not arrived)]


def _arrival(result: Result, target: float) -> float | None:
    """Seconds at the first error below the target by more than rounding; starting at PCA does not count."""
    return next((seconds for seconds, error in result.curve if error < target * (1 - 1e-4)), None)


def contractive_step(course: Course) -> Answer:
    """The cost of the Jacobian penalty: estimated, left out, and exact by one backward pass per latent."""
    answer = Answer()
    settings = {"hidden_layer_sizes": [512, 256], "batch_size": 256, "precision": "float32", "validation_fraction": 0.0}
    for threads in (1, 2):
        job = replace(_job(course, threads), rows=course.pick(5120, 512), settings=settings)
        penalised = replace(job, settings=settings | {"variant": "contractive"})
        exact = replace(penalised, settings=penalised.settings | {"jacobian": "exact"})
        runs = course.race(
            {
                "no penalty": Entry("isthmus", job),
                "contractive": Entry("isthmus", penalised),
                "exact": Entry("isthmus", exact),
            },
            repeats=course.pick(3, 1),
        )
        answer.runs |= {f"{name}, threads {threads}": found for name, found in runs.items()}
        work = f"contractive step, threads {threads}"
        asked = {"denominator": runs.get("no penalty"), "measure": epoch_seconds_of, "ours": "numerator"}
        answer.rows += paired(f"{work}: default", "same step without", runs.get("contractive"), **asked, wanted="≤2.5")
        answer.rows += paired(f"{work}: one pass a unit", "same step without", runs.get("exact"), **asked)
    return answer
