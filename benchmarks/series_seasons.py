"""Series with daily, weekly and yearly seasons and two planted anomalies each: what the defaults find.

    python benchmarks/series_seasons.py [--first-seed 200] [--seeds 12] [-o benchmarks/results/series_seasons.json]

Six kinds of series, each with and without the anomalies (of two different sorts). Counted are: events that an episode
touches; false episodes; whether the peak of an event is above every score outside; episodes of the series without
anomalies; and for the kinds with weekends, the share of those that peak on a weekend at a stated rate of 2 per 1,000
steps (weekends are .29 of the steps). How `isthmus.series` handles seasons was chosen on seeds 0 to 11 and checked
once on 100 to 111, so results are from other seeds.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.series import SeriesOutlierDetector

STATED = 2.0  # episodes per 1,000 steps
SORTS = ("spike", "stuck", "low", "high", "noise", "reversed")


@dataclass(frozen=True)
class Kind:
    """Steps per day, days, length of an anomaly, and whether there are weekends and a yearly season."""

    per_day: int
    days: tuple[int, int]
    lasting: int
    weekends: bool = False
    year: bool = False
    trend: bool = False
    shift: bool = False


KINDS = {
    "hourly": Kind(24, (56, 85), 18, weekends=True),
    "hourly, with a trend": Kind(24, (56, 85), 18, weekends=True, trend=True),
    "hourly, with a level shift": Kind(24, (56, 85), 18, weekends=True, shift=True),
    "every 15 minutes": Kind(96, (28, 43), 48, weekends=True),
    "daily, with a year": Kind(1, (1461, 2192), 20, year=True),
    "daily, with a year and weekends": Kind(1, (1096, 1827), 20, weekends=True, year=True),
}


def made(kind: Kind, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values with autoregressive noise, the scale of an anomaly, and which steps are on weekends."""
    n_steps = int(rng.integers(*kind.days)) * kind.per_day
    step = np.arange(n_steps) + int(rng.integers(7 * kind.per_day))
    hour, weekend = step % kind.per_day * 24 / kind.per_day, step // kind.per_day % 7 >= 5
    values = np.full(n_steps, 30.0)
    if kind.per_day > 1:
        day = 40 * np.exp(-(((hour - rng.uniform(11, 14)) / 4) ** 2)) + 15 * np.exp(-(((hour - 19) / 2) ** 2))
        values += day * np.where(weekend, rng.uniform(0.3, 0.7), 1.0)
    elif kind.weekends:
        values -= np.where(weekend, 20.0, 0.0)
    if kind.year:
        values += 12 * np.sin(2 * np.pi * (step - rng.uniform(0, 365)) / 365.25)
    if kind.trend:
        values += np.linspace(0, rng.uniform(10, 30), n_steps)
    noise, level = rng.normal(size=n_steps), 0.0
    for at in range(n_steps):
        level = 0.6 * level + 0.8 * noise[at]
        noise[at] = level
    return values + rng.uniform(2, 4) * noise, np.array(15.0), weekend


def planted(values: np.ndarray, scale: float, kind: Kind, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Plant two anomalies of different sorts in the values; return the first and last step of each."""
    n_steps, events = len(values), []
    places = (int(rng.uniform(0.15, 0.4) * n_steps), int(rng.uniform(0.6, 0.85) * n_steps))
    for at, sort in zip(places, rng.choice(SORTS, 2, replace=False), strict=True):
        some = slice(at, at + (3 if sort == "spike" else kind.lasting))
        part = values[some].copy()
        values[some] = {
            "spike": part + 3 * scale,
            "stuck": np.full(len(part), part[0]),
            "low": np.full(len(part), values.min()),
            "high": part + 1.6 * scale,
            "noise": part + 1.2 * scale * rng.normal(size=len(part)),
            "reversed": part[::-1] + 0.6 * scale,
        }[str(sort)]
        events.append((some.start, some.stop - 1))
    if kind.shift:
        at = n_steps // 2
        values[at:] += scale
        events.append((at, at))
    return events


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first-seed", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    result = {}
    for place, (name, kind) in enumerate(KINDS.items()):
        found = []
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            values, scale, weekend = made(kind, np.random.default_rng([seed, place]))
            clean = SeriesOutlierDetector().fit(values)
            stated = SeriesOutlierDetector(episodes=STATED).fit(values).episodes_
            events = planted(values, float(scale), kind, np.random.default_rng([seed, place, 1]))
            detector = SeriesOutlierDetector().fit(values)
            scores, longest, outside = detector.scores_, detector.windows_[-1], np.ones(len(values), bool)
            for first, last in events:
                outside[max(0, first - longest) : last + longest] = False
            spans = [(one.first, one.last) for one in detector.episodes_]
            hits = [any(a <= last and b >= first for a, b in spans) for first, last in events]
            above = [np.nanmax(scores[a : b + 1]) > np.nanmax(scores[outside]) for a, b in events]
            false = sum(not any(a <= last and b >= first for first, last in events) for a, b in spans)
            peaks = [float(weekend[one.highest]) for one in stated]
            found.append((np.mean(hits), false, np.mean(above), len(clean.episodes_), np.mean(peaks)))
        mean = np.mean(found, 0).round(2).tolist()
        keys = ("events_found", "false_episodes", "events_above_all_else", "episodes_without_anomaly", "weekend_peaks")
        result[name] = dict(zip(keys, mean, strict=True))
        if not kind.weekends:
            result[name].pop("weekend_peaks")
        print(name, result[name], flush=True)
    if given.output:
        given.output.write_text(json.dumps({"seeds": given.seeds, "kinds": result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
