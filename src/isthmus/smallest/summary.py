"""A rate-distortion record in words: one plain sentence, and a table of error against size.

Where PCA does as well with as many numbers, that is what is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from isthmus.smallest.result import RateDistortion

__all__ = ["asked_for", "bits_sentence", "choice_sentence", "gap_sentence", "sentence", "size_table"]

NO_FIGURE = "–"
MOST_LINES = 16


def sentence(found: RateDistortion) -> str:
    """The answer in one sentence: "4 numbers do what PCA needs 11 for …"."""
    size, chosen = found.size, found.chosen
    if size is None:
        return (
            f"No code of up to {_numbers(found.n_features)} reaches {asked_for(found)} on rows held out; "
            "ask for less, or add rows."
        )
    if size == 0:
        if found.choice.rule == "entries":
            return "No code at all: hidden cells are predicted no better from the others than by their column's mean."
        return f"No code is needed: the mean row alone reaches {asked_for(found)}."
    if chosen is None or chosen.error is None:
        return f"{_numbers(size)} reach {asked_for(found)}."
    keep, do = ("keeps", "does") if size == 1 else ("keep", "do")
    kept = f"{size} of {_numbers(found.n_features)} {keep} {_kept(found, chosen.error)} of the variation"
    if found.pca_needs is not None and found.pca_needs <= size:
        return f"{_numbers(size)}, and PCA does as well with {found.pca_needs}: use PCA ({kept})."
    needed = f"more than {found.n_directions}" if found.pca_needs is None else str(found.pca_needs)
    return f"{_numbers(size)} {do} what PCA needs {needed} for: {kept}, on {found.n_test:,} rows never learned from."


def asked_for(found: RateDistortion) -> str:
    """What was asked, as the end of a sentence."""
    target = found.choice.target
    if target is None:
        return "the least error of hidden cells"
    return {
        "keep": f"{100 * target:.4g} % of the variation",
        "max_error": f"an error of {target:.4g} per feature",
        "as_good_as": f"the error of PCA with {_numbers(int(target))}",
    }[found.choice.rule]


def choice_sentence(found: RateDistortion) -> str:
    """How the size was chosen, and how sure that is."""
    choice = found.choice
    if choice.rule == "entries":
        how = "Chosen by cells hidden from held-out rows and predicted from the others: the smallest size within one "
        how += "standard error of the best"
    else:
        how = f"Chosen as the smallest size that reaches {asked_for(found)} on training rows held out"
    votes = f"; the {len(choice.votes)} splits alone say {_listed(choice.votes)}" if len(choice.votes) > 1 else ""
    none = "no size" if choice.pca_size is None else str(choice.pca_size)
    return f"{how}{votes}. The same rule gives PCA {none}."


def gap_sentence(found: RateDistortion) -> str | None:
    """What the order of the nested code costs, at the sizes where both are known."""
    gaps = {one.size: one.gap for one in found.curve if one.gap is not None}
    if not gaps:
        return None
    said = ", ".join(f"{abs(100 * gap):.0f} % {'more' if gap > 0 else 'less'} at {size}" for size, gap in gaps.items())
    return f"One nested code gives the whole curve; its error beside that of a code fitted for the size alone: {said}."


def bits_sentence(found: RateDistortion) -> str | None:
    """Bits a row at the chosen code's error, with a tenth added for rounding."""
    bits = found.bits
    if bits is None or bits.needed is None:
        return None
    ours = f"In bits: {bits.needed:.0f} a row for an error of {bits.error:.4g}, rounding included"
    if bits.pca_needed is None:
        return f"{ours}; PCA's code does not reach it."
    return f"{ours}; PCA's code, rounded alike, takes {bits.pca_needed:.0f}."


def size_table(found: RateDistortion) -> Table:
    """Error per feature for each size: fitted alone, nested, and PCA's; at most sixteen lines."""
    from rich.table import Table

    table = Table("numbers")
    for name in ("alone", "lowest – highest", "nested", "PCA", "keeps", "PCA keeps"):
        table.add_column(name, justify="right")
    lines = [one for one in found.curve if one.error is not None or len(found.curve) <= MOST_LINES]
    step = max(1, len(found.curve) // MOST_LINES + 1)
    lines += [one for one in found.curve[::step] if one not in lines]
    for one in sorted(lines, key=lambda line: line.size):
        best = one.nested if one.error is None else one.error
        spread = NO_FIGURE if one.lowest is None else f"{one.lowest:.3g} – {one.highest:.3g}"
        table.add_row(
            f"{one.size}{' ←' if one.size == found.size else ''}",
            _figure(one.error),
            spread,
            _figure(one.nested),
            _figure(one.pca),
            _kept(found, best),
            _kept(found, one.pca),
        )
    return table


def _figure(value: float | None) -> str:
    return NO_FIGURE if value is None else f"{value:.3g}"


def _kept(found: RateDistortion, error: float) -> str:
    share = 1 - error / found.variation if found.variation > 0 else 0.0
    if share <= 0:
        return "nothing"
    text = f"{100 * share:.1f} %"
    return "over 99.9 %" if text == "100.0 %" else text


def _numbers(count: int) -> str:
    return f"{count} number" if count == 1 else f"{count} numbers"


def _listed(entries: tuple[int, ...]) -> str:
    words = [str(entry) for entry in entries]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
