"""Tables made from what the benchmarks of series wrote, in Markdown."""

from __future__ import annotations

import statistics

from measurements import results


def series_detectors() -> str:
    """Every detector of series a row, the mean score of each collection a column."""
    found = results("series")
    rows = found["vus_pr"]
    collections = [name for name in next(iter(rows.values())) if name not in ("all", "first minus this")]
    lines = [
        f"| detector | all | {' | '.join(collections)} | first minus this | CPU seconds per 10,000 steps |",
        f"|{'---|' * (len(collections) + 4)}",
    ]
    for name, row in rows.items():
        difference, low, high = row["first minus this"]
        interval = "" if difference == low == high == 0 else f"{difference:+.3f} [{low:+.3f}, {high:+.3f}]"
        values = " | ".join(f"{row[one]:.3f}" for one in ("all", *collections))
        lines.append(f"| {name} | {values} | {interval} | {found['seconds_per_10000_steps'][name]:.2f} |")
    return "\n".join(lines)


def series_alarms() -> str:
    """False episodes and events found at the stated rate."""
    lines = ["| alarms | false episodes per 1,000 steps | worst series | events found |", "|---|---|---|---|"]
    for name, row in results("series")["alarms"].items():
        share = f"{row['events_found']:.0%} of {row['events']}"
        lines.append(
            f"| {name} | {row['false_per_1000']:.2f} | {row['worst_series']:.1f} ({row['worst_series_is']}) | {share} |"
        )
    return "\n".join(lines)


def series_seasons() -> str:
    """What is found in synthetic series with seasons, a kind a row."""
    lines = [
        "| series | events found | false episodes | episodes without anomaly "
        "| alarms on a weekend at a stated 2 per 1,000 |",
        "|---|---|---|---|---|",
    ]
    for name, row in results("series_seasons")["kinds"].items():
        weekends = f"{row['weekend_peaks']:.0%}" if "weekend_peaks" in row else ""
        counts = f"{row['false_episodes']:.2f} | {row['episodes_without_anomaly']:.2f}"
        lines.append(f"| {name} | {row['events_found']:.0%} | {counts} | {weekends} |")
    return "\n".join(lines)


def series_gaps() -> str:
    """Errors of filled gaps, means over series, a column for each length of gap."""
    rows = results("series_gaps")
    sizes = sorted({row["gap"] for row in rows})
    shown: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, float):
                shown.setdefault(name.split(" (")[0], {}).setdefault(row["gap"], []).append(value)
    lines = [f"| filled by | {' | '.join(f'gaps of {size} steps' for size in sizes)} |", f"|---|{'---|' * len(sizes)}"]
    for name, errors in shown.items():
        lines.append(f"| {name} | {' | '.join(f'{statistics.mean(errors[size]):.3f}' for size in sizes)} |")
    return "\n".join(lines)
