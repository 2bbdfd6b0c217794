"""Questions about a synthetic table of up to 1,000,000 × 100: memory, growth, and the speed of `transform`."""

from __future__ import annotations

from dataclasses import replace

from race.answer import Answer, Ratio, described, epoch_seconds_of, paired
from race.course import Course, Entry
from race.job import Job

__all__ = ["memory", "scaling", "transform"]

ALLOWANCE_MB, WIDE_ALLOWANCE_MB = 300, 600
WIDTHS = (256, 256, 256, 2)
PRODUCT_ROWS = 10_000


def _large(course: Course) -> Job:
    return Job(data="table", rows=course.pick(1_000_000, 50_000), epochs=1, widths=(2,), threads=2)


def memory(course: Course) -> Answer:
    """Memory that a fit takes in addition to its data, as a multiple of these in float32: many rows, and wide ones."""
    long = _large(course)
    wide = replace(long, rows=course.pick(1_000, 100), columns=course.pick(44_100, 1_000), widths=(16,))
    entries = {"fit": Entry("isthmus", long), "wide fit": Entry("isthmus", replace(wide, epochs=3))}
    runs = course.race(entries, repeats=course.pick(3, 1))
    answer = Answer(runs=dict(runs))
    for name, job, copies, allowance in (
        ("fit", long, 1.3, ALLOWANCE_MB),
        ("wide fit", wide, 1.5, WIDE_ALLOWANCE_MB),
    ):
        if name not in runs:
            continue
        size = job.rows * job.columns * 4 / 2**20
        above = [result.peak_rss_mb - result.rss_before_mb for result in runs[name]]
        bound = f"≤{copies + allowance / size:.2f}"
        said = f"{max(above):.0f} MB", f"{size:.0f} MB"
        work = f"peak memory of a fit of {job.rows:,} × {job.columns:,} above the data"
        answer.rows.append(Ratio(work, "data in float32", [mb / size for mb in above], bound, *said))
    return answer


def scaling(course: Course) -> Answer:
    """Seconds of a one-epoch fit of one network, against rows and against columns."""
    job = replace(_large(course), threads=1, settings={"hidden_layer_sizes": [128, 128, 128], "batch_size": 256})
    rows = course.pick((1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000), (1_000, 3_000))
    columns = course.pick((8, 16, 32, 64, 128, 256, 512, 1024, 2048), (8, 32))
    at_rows = {f"rows {count}": Entry("isthmus", replace(job, rows=count)) for count in rows}
    wide = replace(job, rows=course.pick(20_000, 1_000))
    at_columns = {f"columns {count}": Entry("isthmus", replace(wide, columns=count)) for count in columns}
    runs = course.race(at_rows | at_columns, repeats=course.pick(2, 1))
    answer = Answer(runs=dict(runs))
    for kind, counts in (("rows", rows), ("columns", columns)):
        small, large = counts[-3:][0], counts[-1]
        fewer, more = runs.get(f"{kind} {small}"), runs.get(f"{kind} {large}")
        if not fewer or not more:
            continue
        values = [last.seconds / first.seconds * small / large for first, last in zip(fewer, more, strict=False)]
        work = f"a fit's growth from {small:,} to {large:,} {kind}"
        said = described(more), described(fewer)
        answer.rows.append(Ratio(work, "linear growth", values, "≤1.1" if kind == "rows" else "≤1.5", *said))
    return answer


def transform(course: Course) -> Answer:
    """Encoding many rows, as a share of the speed of the encoder's matrix products alone."""
    answer = Answer()
    for threads in (1, 2):
        job = replace(_large(course), widths=WIDTHS, epochs=3, threads=threads)
        products = replace(job, batch_size=PRODUCT_ROWS, settings={"forward_only": True})
        runs = course.race(
            {"products": Entry("products", products), "transform": Entry("isthmus_transform", job)},
            repeats=course.pick(3, 1),
        )
        answer.runs |= {f"{name}, threads {threads}": found for name, found in runs.items()}
        work = f"transform of {job.rows:,} × {job.columns}, threads {threads}: share of the limit's GFLOP/s"
        answer.rows += paired(
            work,
            "its matrix products alone",
            runs.get("products"),
            runs.get("transform"),
            wanted="≥0.6",
            measure=epoch_seconds_of,
        )
    return answer
