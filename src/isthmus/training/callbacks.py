"""Support for scikit-learn's callbacks (new in 1.9): progress, monitors and early stopping by the user.

With an older scikit-learn the mixin is empty and the decorator does nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

_BEFORE = random.getstate()
try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Empty, for a scikit-learn without callbacks."""

    def with_callbacks(method):  # type: ignore[misc]
        """Return the method unchanged."""
        return method

finally:
    random.setstate(_BEFORE)  # scikit-learn's callbacks import rich, whose import draws from Python's generator


__all__ = ["CallbackSupportMixin", "EpochCallbacks", "with_callbacks"]


class EpochCallbacks:
    """Reports a fit and its epochs to the user's callbacks; ``epoch`` returns True to stop."""

    def __init__(self, estimator: Any, X: Any):
        self._estimator, self._arguments = estimator, {"estimator": estimator, "X": X}
        self._context = None

    def begin(self, n_epochs: int, state: Callable[[], Mapping[str, Any]]) -> None:
        """Report the start of a fit of ``n_epochs``; ``state()`` returns the current fitted attributes."""
        if hasattr(self._estimator, "_init_callback_context"):
            self._context = self._estimator._init_callback_context(max_subtasks=n_epochs + 1)
            self._context.call_on_fit_task_begin(**self._arguments)
            self._arguments["reconstruction_attributes"] = state

    def epoch(self) -> bool:
        """Report the end of an epoch; True if a callback asks to stop."""
        if self._context is None:
            return False
        task = self._context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self._estimator, X=self._arguments["X"])
        return bool(task.call_on_fit_task_end(**self._arguments))

    def close(self) -> None:
        """Report the end of the fit."""
        if self._context is not None:
            self._context.call_on_fit_task_end(**self._arguments)
