"""The result of `rate_distortion`: one record, with its sentence, its table and its JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isthmus.evaluation.written import NO_FIGURE, as_text, dimensions
from isthmus.smallest.bits import RatePoint
from isthmus.smallest.choice import Choice
from isthmus.text_table import counted

if TYPE_CHECKING:
    from rich.table import Table

    from isthmus.estimator import BaseAutoencoder

__all__ = ["Bits", "RateDistortion", "SizeErrors"]


@dataclass(frozen=True)
class SizeErrors:
    """Errors of codes of ``size`` dimensions on the test rows: fitted for that size alone, nested, and PCA's.

    Attributes
    ----------
    error, lowest, highest : float or None
        Of models fitted for this size alone, over seeds; None if no such model was fitted.
    nested : float
        Of the first ``size`` dimensions of the nested code.
    pca : float
    """

    size: int
    error: float | None
    lowest: float | None
    highest: float | None
    nested: float
    pca: float

    @property
    def gap(self) -> float | None:
        """The cost of nesting: the error relative to that of a code fitted for this size alone, minus one."""
        if self.error is None or self.error <= 0:
            return None
        return self.nested / self.error - 1


@dataclass(frozen=True)
class Bits:
    """Rate against distortion on the test rows.

    Attributes
    ----------
    curve, pca_curve : tuple of RatePoint
        Lower convex hulls over sizes and steps.
    error : float
        The error at which both are compared: the chosen code's, plus a tenth for rounding.
    needed, pca_needed : float or None
        Bits per row at that error; None if it is not reached.
    """

    curve: tuple[RatePoint, ...]
    pca_curve: tuple[RatePoint, ...]
    error: float
    needed: float | None
    pca_needed: float | None


@dataclass(frozen=True, eq=False, repr=False)
class RateDistortion:
    """Error against size, the size chosen, and its cost in bits; every error per feature, on held-out rows.

    Attributes
    ----------
    n_features, n_train, n_test, n_seeds : int
    scale : str or None
        The scaling of columns; if it is not None, errors are in those units.
    variation : float
        Error of the mean row, a code without dimensions.
    curve : tuple of SizeErrors
        One for every size from 1.
    choice : Choice
    pca_needs : int or None
        Fewest dimensions with which PCA's error is no larger than that of the size chosen; None if all known
        directions, ``n_directions``, are not enough.
    n_directions : int
    bits : Bits or None
        None if no size was chosen.
    model, nested : BaseAutoencoder or None
        Fitted for the size chosen alone; and the one whose first k dimensions are a code, for every k.
    """

    n_features: int
    n_train: int
    n_test: int
    n_seeds: int
    scale: str | None
    variation: float
    curve: tuple[SizeErrors, ...]
    choice: Choice
    pca_needs: int | None
    n_directions: int
    bits: Bits | None
    model: BaseAutoencoder | None
    nested: BaseAutoencoder

    @property
    def size(self) -> int | None:
        """The size chosen."""
        return self.choice.size

    @property
    def chosen(self) -> SizeErrors | None:
        """Errors at the size chosen."""
        return next((one for one in self.curve if one.size == self.size), None)

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        return sentence(self)

    def __repr__(self) -> str:
        return as_text(size_table(self), self.sentence)

    def table(self) -> Any:
        """Error against size as a table of `rich`."""
        return size_table(self)

    def plot(self) -> Any:
        """Error against size, and against bits, as a matplotlib figure."""
        from isthmus.plots.rate_distortion import plot_rate_distortion

        return plot_rate_distortion(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts; None for NaN. The models are left out."""
        kept = {name: getattr(self, name) for name in _FACTS}
        gaps = {"gaps": {str(one.size): one.gap for one in self.curve if one.gap is not None}}
        return _plain({"sentence": self.sentence, "size": self.size} | kept | gaps)

    def to_json(self) -> str:
        """`to_dict` as JSON, without NaN."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)


_FACTS = [one.name for one in dataclasses.fields(RateDistortion) if one.name not in ("model", "nested")]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


# ---- in words -----------------------------------------------------------------------------------------

MAX_LINES = 16


def sentence(found: RateDistortion) -> str:
    """The result in one sentence: "4 dimensions do what PCA needs 11 for …"."""
    size, chosen = found.size, found.chosen
    if size is None:
        return (
            f"No code of up to {dimensions(found.n_features)} reaches {asked_for(found)} on held-out rows; "
            "ask for less, or add rows."
        )
    if size == 0:
        if found.choice.rule == "entries":
            return "No code at all: hidden cells are predicted no better from the others than by their column's mean."
        if found.choice.rule == "evidence":
            return f"No code at all: held-out rows are most probable as the mean row plus noise{_noise(found)}."
        return f"No code is needed: the mean row alone reaches {asked_for(found)}."
    if chosen is None or chosen.error is None:
        return f"{dimensions(size)} {'reaches' if size == 1 else 'reach'} {asked_for(found)}."
    noise = "" if found.choice.noise_variance is None else f" The rest is noise{_noise(found)}."
    keep, do = ("it keeps", "does") if size == 1 else ("they keep", "do")
    kept = f"{_kept(found, chosen.error)} of the variance of {counted(found.n_features, 'feature')}"
    if found.pca_needs is not None and found.pca_needs <= size:
        return f"{dimensions(size)}, and PCA does as well with {found.pca_needs}: use PCA ({keep} {kept}).{noise}"
    needed = f"more than {found.n_directions}" if found.pca_needs is None else str(found.pca_needs)
    rows = f"{found.n_test:,} held-out rows"
    return f"{dimensions(size)} {do} what PCA needs {needed} for: {keep} {kept}, on {rows}.{noise}"


def _noise(found: RateDistortion) -> str:
    variance = found.choice.noise_variance
    return "" if variance is None else f", with variance {variance:.2g} per column"


def asked_for(found: RateDistortion) -> str:
    """The target, as the end of a sentence."""
    target = found.choice.target
    if target is None:
        return "the highest evidence" if found.choice.rule == "evidence" else "the lowest error on hidden cells"
    return {
        "keep": f"{100 * target:.4g}% of the variance",
        "max_error": f"an error of {target:.4g} per feature",
        "as_good_as": f"the error of PCA with {dimensions(int(target))}",
    }[found.choice.rule]


def choice_sentence(found: RateDistortion) -> str:
    """How the size was chosen, and how certain that is."""
    choice = found.choice
    if choice.rule == "evidence":
        how = "Chosen by evidence: the size at which held-out rows are most probable"
        others = tuple(size for size in choice.criteria["evidence"].within if size != choice.size)
        if others:
            how += f"; {_listed(others)} {'is' if len(others) == 1 else 'are'} within one standard error of it"
    elif choice.rule == "entries":
        how = "Chosen by hiding cells of held-out rows and predicting them from the others: the smallest size within "
        how += "one standard error of the best"
    else:
        how = f"Chosen as the smallest size that reaches {asked_for(found)} on rows held out from training"
    votes = f"; the {len(choice.votes)} splits by themselves choose {_listed(choice.votes)}"
    none = "no size" if choice.pca_size is None else str(choice.pca_size)
    return f"{how}{votes if len(choice.votes) > 1 else ''}. For PCA the same rule chooses {none}."


def _few(number: float | None) -> str:
    """A number with two digits, or without decimals from 100 on."""
    number = number or 0.0
    return f"{number:.2g}" if number < 99.5 else f"{number:,.0f}"


def second_opinion(found: RateDistortion) -> str | None:
    """The choice of the other criterion and, if it differs, why it is not used."""
    choice = found.choice
    if not choice.criteria:
        return None
    evidence, cells = choice.criteria["evidence"], choice.criteria["entries"]
    if evidence.size == cells.size:
        return "Hidden cells, predicted from the other cells of their row, give the same size."
    if choice.rule == "entries":
        at_least = "at least " if evidence.at_least else ""
        why = f"each additional dimension serves only {_few(choice.columns_a_latent)} columns, so it fits their noise"
        if choice.columns_depend is not None:
            why = "held-out rows are no more probable than with each column shuffled, so the columns are independent"
        return f"By the evidence of held-out rows it would be {at_least}{evidence.size}. Trust the hidden cells: {why}."
    why = "it compares whole rows, and counts what a dimension costs"
    if choice.columns_depend is not None:
        why = "held-out rows are more probable than with each column shuffled, so the columns depend on each other"
    elif choice.columns_a_latent is not None:
        why = f"each additional dimension serves {_few(choice.columns_a_latent)} columns"
    return (
        f"By hidden cells, predicted from the other cells of their row, it would be {cells.size}. "
        f"Trust the evidence: {why}."
    )


def gap_sentence(found: RateDistortion) -> str | None:
    """The cost of nesting, at the sizes where both errors are known."""
    gaps = {one.size: one.gap for one in found.curve if one.gap is not None}
    if not gaps:
        return None
    differences = ", ".join(f"{_more_or_less(gap)} at {size}" for size, gap in gaps.items())
    return (
        "The nested code gives the whole curve from one fit; compared with a code of that size alone its error is "
        f"{differences}."
    )


def _more_or_less(gap: float) -> str:
    """A relative difference in words; relative to mere rounding errors a percentage is meaningless."""
    if gap > 10:
        return "more than ten times higher"
    return f"{abs(100 * gap):.0f}% {'higher' if gap > 0 else 'lower'}"


def bits_sentence(found: RateDistortion) -> str | None:
    """Bits per row at the chosen code's error, plus a tenth for rounding."""
    bits = found.bits
    if bits is None or bits.needed is None:
        return None
    ours = f"In bits: {bits.needed:.0f} per row for an error of {bits.error:.4g}, rounding included"
    if bits.pca_needed is None:
        return f"{ours}; PCA's code does not reach it."
    return f"{ours}; PCA's code, rounded in the same way, takes {bits.pca_needed:.0f}."


def size_table(found: RateDistortion) -> Table:
    """Error per feature for each size: fitted alone, nested, and PCA's; in at most about sixteen lines."""
    from rich.table import Table

    table = Table("dimensions")
    for name in ("error", "lowest – highest", "nested", "PCA", "variance kept", "by PCA"):
        table.add_column(name, justify="right")
    lines = [one for one in found.curve if one.error is not None or len(found.curve) <= MAX_LINES]
    step = max(1, len(found.curve) // MAX_LINES + 1)
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
    text = f"{100 * share:.1f}%"
    return "over 99.9%" if text == "100.0%" else text


def _listed(entries: tuple[int, ...]) -> str:
    words = [str(entry) for entry in entries]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
