"""The smallest code of a window: how many numbers describe the state of a series.

A sine has one degree of freedom, its phase; its windows lie on a circle in a plane, so the closed form needs two
components. A nonlinear decoder needs one or two: one number runs along the circle, but no continuous encoder maps a
circle to a line, so windows on either side of the cut are encoded badly. Two sines whose periods have no common
multiple move on a torus: two phases, four components, and an autoencoder needs a number in between. The size is chosen
on held-out contiguous blocks (`isthmus.series.held_out`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.series.lengths import SHORTEST_WINDOW
from isthmus.series.windowed import CLOSED_FORM, WindowedAutoencoder

__all__ = ["WindowCodeSizes", "window_code_sizes"]


@dataclass(frozen=True, eq=False)
class WindowCodeSizes:
    """Held-out errors of windows by the size of their code.

    Attributes
    ----------
    sizes : tuple of int
    closed_form, network : ndarray of shape (n_sizes,)
        Mean squared error on held-out blocks, in standard units: of singular spectrum analysis, and of the better
        network.
    smallest_closed_form, smallest_network : int
        The smallest size that keeps ``share`` of the variance that any size and kind explains.
    share : float
    window : int
        Steps in a window.
    """

    sizes: tuple[int, ...]
    closed_form: np.ndarray
    network: np.ndarray
    smallest_closed_form: int | None
    smallest_network: int | None
    share: float
    window: int

    @property
    def why(self) -> str:
        """Why the two sizes differ, or don't; empty if one of them isn't known."""
        linear, curved = self.smallest_closed_form, self.smallest_network
        if linear is None or curved is None:
            return ""
        if curved < linear:
            return (
                "the windows lie on a curved surface: singular spectrum analysis needs every direction that it bends "
                "into (two for each wave), a network only as many numbers as lead along it (one for each wave's phase, "
                "up to two where it closes on itself)"
            )
        return (
            "a network needs no fewer numbers than there are directions: the windows lie on a flat surface, or on one "
            "that closes on itself, like the circle of a wave's phase, where fewer numbers leave a cut"
        )

    def __str__(self) -> str:
        lines = [f"windows of {self.window} steps", "size   SSA error   network error"]
        lines += [
            f"{size:4d}   {one:9.4f}   {other:13.4f}"
            for size, one, other in zip(self.sizes, self.closed_form, self.network, strict=True)
        ]
        lines.append(
            f"smallest code that keeps {self.share:.0%} of what is explained: "
            f"{self._said(self.smallest_closed_form)} by singular spectrum analysis, "
            f"{self._said(self.smallest_network)} by a network"
        )
        lines += [f"why: {self.why}"] if self.why else []
        return "\n".join(lines)

    def _said(self, size: int | None) -> str:
        return f"more than {self.sizes[-1]}" if size is None else str(size)


def window_code_sizes(
    X: Any,
    *,
    times: Any = None,
    sizes: Sequence[int] = (1, 2, 3, 4, 6, 8),
    window: int | str = "auto",
    stride: int | None = None,
    network: str = "perceptron",
    share: float = 0.98,
    random_state: Any = None,
) -> WindowCodeSizes:
    """Fit windows with codes of several sizes, and find the smallest that is enough.

    Parameters
    ----------
    X, times, window, stride, network, random_state
        As `WindowedAutoencoder` takes them; the window "auto" is halved until the series can hold blocks out.
    sizes
        Latent dimensions to try, ascending.
    share
        Of the variance explained by the best size and kind that the smallest code must keep.
    """
    window = _length_with_blocks(X, times, window, stride)
    closed, learned, variance = [], [], 0.0
    for size in sizes:
        model = WindowedAutoencoder(size, window=window, stride=stride, network=network, random_state=random_state).fit(
            X, times=times
        )
        errors = dict(model.block_errors_)
        closed.append(float(np.mean(errors.pop(CLOSED_FORM))))
        if not errors:
            raise ValueError(
                f"window_code_sizes: network={network!r} leaves no network to compare for windows of {model.length_} "
                'steps; choose "perceptron".'
            )
        learned.append(min(float(np.mean(one)) for one in errors.values()))
        variance = max(variance, float(np.sum(model.spectrum_.eigenvalues) / len(model.spectrum_.eigenvalues)))
    floor = min(*closed, *learned)
    bound = variance - share * (variance - floor)

    def first(found: list[float]) -> int | None:
        return next((size for size, error in zip(sizes, found, strict=True) if error <= bound), None)

    return WindowCodeSizes(
        tuple(sizes), np.array(closed), np.array(learned), first(closed), first(learned), share, window
    )


def _length_with_blocks(X: Any, times: Any, window: int | str, stride: int | None) -> int:
    """The length of the windows; "auto" is halved until contiguous blocks can be held out."""
    asked = window
    while True:
        model = WindowedAutoencoder(1, window=window, stride=stride, network="none", random_state=0).fit(X, times=times)
        if model.block_errors_[CLOSED_FORM]:
            return model.length_
        if asked != "auto" or model.length_ < 2 * SHORTEST_WINDOW:
            raise ValueError(
                f"window_code_sizes: the series is too short to hold contiguous blocks of windows of {model.length_} "
                "steps out; choose a shorter window."
            )
        window = model.length_ // 2
