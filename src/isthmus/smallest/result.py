"""What is known of a table's smallest code: one record, with its sentence, its table and its JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from isthmus.smallest.bits import RatePoint

if TYPE_CHECKING:
    from isthmus.estimator import BaseAutoencoder

__all__ = ["Bits", "Choice", "RateDistortion", "SizeErrors"]


@dataclass(frozen=True)
class SizeErrors:
    """Errors of a code of ``size`` numbers on the test rows: fitted for that size alone, nested, and PCA's.

    Attributes
    ----------
    error, lowest, highest : float or None
        Of models fitted for this size alone, over seeds; None for a size no such model was fitted for.
    nested : float
        Of the first ``size`` numbers of the nested code.
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
        """What the nested code's order costs: its error beside that of a code fitted alone, less one."""
        if self.error is None or self.error <= 0:
            return None
        return self.nested / self.error - 1


@dataclass(frozen=True)
class Choice:
    """How the size was chosen, on training rows alone.

    Attributes
    ----------
    rule : str
        "entries", "keep", "max_error" or "as_good_as".
    target : float or None
        What was asked: a share, an error, or PCA's size.
    size : int or None
        The smallest that serves; 0 where the mean row predicts as well as any code, None where no size serves.
    pca_size : int or None
        What the same rule chooses for PCA, on the same rows.
    tried : tuple of (size, mean, standard error)
        For entries the error of hidden cells; for a target, error over the error allowed.
    votes : tuple of int
        What each split alone would have chosen, where it has tried enough sizes to say.
    """

    rule: str
    target: float | None
    size: int | None
    pca_size: int | None
    tried: tuple[tuple[int, float, float], ...]
    votes: tuple[int, ...]


@dataclass(frozen=True)
class Bits:
    """Rate against distortion on the test rows.

    Attributes
    ----------
    curve, pca_curve : tuple of RatePoint
        Lower convex hulls over sizes and steps.
    error : float
        The error at which both are compared: the chosen code's, with a tenth more for its rounding.
    needed, pca_needed : float or None
        Bits a row at that error; None where it is not reached.
    """

    curve: tuple[RatePoint, ...]
    pca_curve: tuple[RatePoint, ...]
    error: float
    needed: float | None
    pca_needed: float | None


@dataclass(frozen=True, eq=False)
class RateDistortion:
    """Error against size, the size chosen, and its cost in bits; every error per feature, on rows held out.

    Attributes
    ----------
    n_features, n_train, n_test, n_seeds : int
    scale : str or None
        How columns are weighed; where it is not None, errors are in those units.
    variation : float
        Error of the mean row: what a code of no numbers has.
    curve : tuple of SizeErrors
        One for every size from 1.
    choice : Choice
    pca_needs : int or None
        Fewest numbers with which PCA's error is no larger than that of the size chosen; None if all known
        directions, ``n_directions``, are not enough.
    n_directions : int
    bits : Bits or None
        None where no size was chosen.
    model, nested : BaseAutoencoder or None
        Fitted for the size chosen alone; and the one whose first k numbers are a code, for every k.
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
    model: BaseAutoencoder | None = field(repr=False)
    nested: BaseAutoencoder = field(repr=False)

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
        """What came of it, in plain words."""
        from isthmus.smallest.summary import sentence

        return sentence(self)

    def table(self) -> Any:
        """Error against size as a table of `rich`."""
        from isthmus.smallest.summary import size_table

        return size_table(self)

    def plot(self) -> Any:
        """Error against size, and against bits, as a matplotlib figure."""
        from isthmus.plots.rate_distortion import plot_rate_distortion

        return plot_rate_distortion(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, words, lists and dicts; None where there is no number. The models are left out."""
        kept = {name: getattr(self, name) for name in _FACTS}
        gaps = {"gaps": {str(one.size): one.gap for one in self.curve if one.gap is not None}}
        return _plain({"sentence": self.sentence, "size": self.size} | kept | gaps)

    def to_json(self) -> str:
        """`to_dict` as JSON, with no NaN in it."""
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
