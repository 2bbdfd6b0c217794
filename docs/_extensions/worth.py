"""Tables of "When is a network worth it?", made from benchmarks/results/worth_it.json."""

from __future__ import annotations

import html
import json
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent.parent.parent / "benchmarks" / "results" / "worth_it.json"
MAIN = "quarter"  # the size that shares are counted at, unless another is named
RULES = {"quarter": "a quarter of the columns", "two": "2", "smallest": "the size that `isthmus smallest` chooses"}
NETWORK, CLOSED, LEVEL = "network", "closed form", "level"
Outcome = dict[str, Any]


def results() -> dict[str, Any]:
    """All that the report wrote."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def _outcomes(rule: str = MAIN, chose: bool | None = False) -> list[Outcome]:
    """One a set; by default those of sets that no default was chosen on, ``chose=None`` for all.

    Where a size has been measured under another rule's name, a set is counted there only.
    """
    found = [one for one in results()["outcomes"] if rule in (one["rule"], "all")]
    return [one for one in found if chose is None or one["chose"] == chose]


def honest_count() -> str:
    """The sentence: on N of M sets PCA does as well."""
    found = _outcomes()
    as_well = sum(one["winner"] != NETWORK for one in found)
    return f"on {as_well} of {len(found)} sets PCA does as well"


def n_sets() -> int:
    """Sets measured at any size."""
    return len({one["name"] for one in _outcomes("all", None)})


def n_catalogue() -> int:
    """Entries of the catalogue."""
    return results()["catalogue"]


def splits_said() -> str:
    """How many splits each set was measured on."""
    counts = [one["splits"] for one in _outcomes("all", None)]
    few, most = min(counts), max(counts)
    return f"{most} splits" if few == most else f"{few} to {most} splits ({counts.count(most)} cases on all {most})"


def less_where_it_wins() -> str:
    """Median and quartiles of the error saved, of the sets where the network wins."""
    saved = [1 - one["ratio"] for one in _outcomes() if one["winner"] == NETWORK]
    if len(saved) < 4:
        return f"{len(saved)} sets, too few for quartiles"
    low, middle, high = statistics.quantiles(saved, n=4)
    return f"{middle:.0%} in the median (quartiles {low:.0%} and {high:.0%})"


def worse_beyond_chance() -> list[Outcome]:
    """Where the default is worse than the closed form."""
    return [one for one in _outcomes("all", None) if one["winner"] == CLOSED]


def n_worse() -> str:
    """How often the default is worse than the closed form beyond chance, over all sets and sizes."""
    return f"{len(worse_beyond_chance())} of {len(_outcomes('all', None))}"


# ---- tables ----------------------------------------------------------------------------------------------


def how_often(by: str) -> str:
    """How often the network wins, in groups: by kind, rows, columns, noise, or size of the code; both roles of sets."""
    groups = GROUPS[by]()
    lines = [f"| {by} | sets | network wins | PCA does as well | PCA is better | error over PCA's, median |"]
    lines.append("|---|---|---|---|---|---|")
    for name, found in groups:
        if found:
            counts = [sum(one["winner"] == winner for one in found) for winner in (NETWORK, LEVEL, CLOSED)]
            median = statistics.median(one["ratio"] for one in found)
            cells = [f"{count} ({count / len(found):.0%})" for count in counts]
            lines.append(f"| {name} | {len(found)} | {' | '.join(cells)} | {median:.2f} |")
    return "\n".join(lines)


Groups = list[tuple[str, list[Outcome]]]


def _by_role() -> Groups:
    return [("no default was chosen on it", _outcomes()), ("used to choose defaults", _outcomes(chose=True))]


def _by_kind() -> Groups:
    found = _outcomes()
    return [(kind, [one for one in found if one["kind"] == kind]) for kind in dict.fromkeys(o["kind"] for o in found)]


def _by_code() -> Groups:
    return [(said, _outcomes(rule)) for rule, said in RULES.items()]


def _between(key: str, edges: list[float], form: Callable[[float], str]) -> Groups:
    found, groups = _outcomes(), []
    for low, high in zip([0, *edges], [*edges, float("inf")], strict=True):
        inside = [one for one in found if low <= one[key] < high]
        name = f"below {form(high)}" if low == 0 else f"{form(low)} and more"
        groups.append((name if low == 0 or high == float("inf") else f"{form(low)} – {form(high)}", inside))
    return groups


GROUPS: dict[str, Callable[[], Groups]] = {
    "set": _by_role,
    "kind": _by_kind,
    "code": _by_code,
    "rows": lambda: _between("rows", [200, 500, 1000, 2000], lambda count: f"{count:,.0f}"),
    "columns": lambda: _between("columns", [8, 16, 32, 64], lambda count: f"{count:.0f}"),
    "noise": lambda: _between("noise", [0.02, 0.1, 0.3, 0.6], lambda share: f"{share:.0%}"),
}


def exceptions() -> str:
    """Every set and size where the default is worse than the closed form beyond chance, and why."""
    lines = [
        "| set | kind | code | error over PCA's, lowest – highest split | p | cause |",
        "|---|---|---|---|---|---|",
    ]
    for one in worse_beyond_chance():
        spread = f"{one['ratio']:.3f}, {one['lowest']:.3f} – {one['highest']:.3f}"
        cause = one["cause"] or "not known yet"
        lines.append(f"| {one['name']} | {one['kind']} | {one['size']} | {spread} | {one['p']:.3f} | {cause} |")
    return "\n".join(lines) if len(lines) > 2 else "There is none."


def rule_scores() -> str:
    """How well the rule predicts, on sets it has not seen, beside the base rate."""
    names = {"rest": "no default was chosen on them", "chose": "used to choose defaults", "all": "all"}
    lines = [
        "| sets | cases | gain of 5% or more | Brier score | of the base rate | right | base rate right "
        "| range holds, where there is a gain |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key, said in names.items():
        found = results()["scores"][key]
        if found["cases"]:
            lines.append(
                f"| {said} | {found['cases']} | {found['won']:.0%} | **{found['brier']:.3f}** "
                f"| {found['base_brier']:.3f} | {found['right']:.0%} | {found['base_right']:.0%} "
                f"| {found['inside']:.0%} |"
            )
    return "\n".join(lines)


def rule_weights() -> str:
    """The published coefficients, of numbers in units of their own deviation."""
    rule = results()["rule"]
    lines = ["| number | centre | deviation | weight in the log odds | in the log ratio |", "|---|---|---|---|---|"]
    parts = (rule["features"], rule["center"], rule["scale"], rule["gain"]["weights"], rule["log_ratio"]["weights"])
    for name, *numbers in zip(*parts, strict=True):
        lines.append(f"| {name} | " + " | ".join(f"{number:.3f}" for number in numbers) + " |")
    ends = (rule["gain"]["intercept"], rule["log_ratio"]["intercept"])
    lines.append(f"| (intercept) | – | – | {ends[0]:.3f} | {ends[1]:.3f} |")
    return "\n".join(lines)


def every_set() -> str:
    """The table of everything, which a script on the page sorts and filters; without the script it is a table still."""
    heads = (
        "set", "kind", "chose defaults", "code by", "size", "rows", "columns", "error over PCA's", "p", "outcome",
        "PCA leaves", "predicted chance", "CPU seconds", "5 neighbours", "PCA's", "bits a row", "PCA's bits",
    )  # fmt: skip
    rows = [_row(one) for one in _outcomes("all", None)]
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        '<div class="wide-table"><table class="sortable" id="worth-it">'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n"
        '<script src="_static/sortable.js" defer></script>\n'
    )


def _row(one: Outcome) -> Iterable[str]:
    named = f'<span title="{html.escape(one["sentence"], quote=True)}">{html.escape(one["name"])}</span>'
    yield from (named, one["kind"], "yes" if one["chose"] else "", one["rule"])
    yield from (str(one[key]) for key in ("size", "rows", "columns"))
    yield from (f"{one['ratio']:.3f}", f"{one['p']:.3f}", one["winner"], f"{one['unexplained']:.3f}")
    keys = {"chance": ".2f", "seconds": ".1f", "neighbours": ".3f", "pca_neighbours": ".3f", "bits": ".0f"}
    for key, form in {**keys, "pca_bits": ".0f"}.items():
        yield "" if one[key] is None else format(one[key], form)
