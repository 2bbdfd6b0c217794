"""Questions about the digits, the tutorial's own data."""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from race.answer import Answer, Ratio, paired
from race.course import Course, Entry, busy
from race.job import Job

__all__ = ["digits_curves", "same_network", "to_quality", "whole_process"]

RECIPE = {"recipe": "tutorial"}
PEERS = ("pythae", "skorch", "pyod", "mlp_regressor", "lightning")


def _tutorial_job(course: Course, threads: int = 1) -> Job:
    return Job(epochs=course.pick(100, 4), threads=threads)


def same_network(course: Course) -> Answer:
    """The tutorial's network, epochs and recipe: whose loop is faster, and how close is it to the arithmetic alone?"""
    answer = Answer()
    for threads in (1, 2):
        job = _tutorial_job(course, threads)
        entries = {"tutorial": Entry("tutorial", job), "isthmus": Entry("isthmus", replace(job, settings=RECIPE))}
        if threads == 1:
            entries |= {name: Entry(name, job) for name in (*PEERS, "jax_scan", "products")}
        runs = course.race(entries)
        answer.runs |= {f"{name}, threads {threads}": found for name, found in runs.items()}
        work, ours = f"digits, same network and epochs, threads {threads}", runs.get("isthmus")
        answer.rows += paired(work, "tutorial's loop", runs.get("tutorial"), ours, wanted="≥6")
        for name in PEERS:
            answer.rows += paired(work, name, runs.get(name), ours)
        for name, limit in (("jax_scan", "limit: JAX scan"), ("products", "limit: matrix products alone")):
            answer.rows += paired(work, limit, runs.get(name), ours)
    with busy():
        for threads in (1, 2):
            job = _tutorial_job(course, threads)
            runs = course.race(
                {"tutorial": Entry("tutorial", job), "isthmus": Entry("isthmus", replace(job, settings=RECIPE))}
            )
            answer.runs |= {f"{name}, threads {threads}, busy": found for name, found in runs.items()}
            work = f"the same beside a busy process, threads {threads}"
            answer.rows += paired(work, "tutorial's loop", runs.get("tutorial"), runs.get("isthmus"))
    return answer


def to_quality(course: Course) -> Answer:
    """Seconds to the tutorial's final test error; held-out rows decide when to stop."""
    job = _tutorial_job(course)
    first = course.race({"tutorial": Entry("tutorial", job)})
    if not first:
        return Answer()
    target = statistics.median(result.test_mse for result in first["tutorial"])
    # Planned for twelve epochs, so the learning rate rises at once; held-out rows end training sooner.
    stopping = replace(job, epochs=12, stop_below=target)
    narrow = {"hidden_layer_sizes": [32, 16], "batch_size": 128}
    runs = course.race(
        {
            "tutorial": Entry("tutorial", job),
            "isthmus, the tutorial's widths and batch": Entry("isthmus", replace(stopping, settings=narrow)),
            "isthmus, its own widths and batch": Entry("isthmus", stopping),
        }
    )
    answer = Answer(runs={"tutorial, target": first["tutorial"]} | runs)
    for name in ("isthmus, the tutorial's widths and batch", "isthmus, its own widths and batch"):
        work = f"digits to the tutorial's final test error: {name}"
        answer.rows += paired(work, "tutorial's loop", runs.get("tutorial"), runs.get(name), wanted="≥40")
    return answer


def whole_process(course: Course) -> Answer:
    """The whole command: imports, data, fit, evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        command = [Path(sys.executable).parent / "isthmus", "fit", "digits", "--no-plots", "--overwrite"]
        seconds = course.time_commands(
            {
                "tutorial's script": [sys.executable, "race/tutorial_script.py"],
                "isthmus fit digits": [*command, "-o", f"{folder}/run"],
            }
        )
    theirs, ours = seconds["tutorial's script"], seconds["isthmus fit digits"]
    row = Ratio(
        "whole process, `isthmus fit digits --no-plots`",
        "tutorial's script without plots",
        [slow / fast for slow, fast in zip(theirs, ours, strict=True)],
        "≥2",
        f"{statistics.median(ours):.3g} s",
        f"{statistics.median(theirs):.3g} s",
    )
    return Answer([row], dict(seconds))


def digits_curves(course: Course) -> Answer:
    """Test error against seconds, for the plot."""
    job = replace(_tutorial_job(course), curve=True)
    entries = {name: Entry(name, job) for name in ("pca", "tutorial", *PEERS, "jax_scan")}
    entries["isthmus, the tutorial's recipe"] = Entry("isthmus", replace(job, settings=RECIPE))
    entries["isthmus"] = Entry("isthmus", replace(job, epochs=course.pick(None, 4)))
    return Answer(runs=course.race(entries, repeats=1))
