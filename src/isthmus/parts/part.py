"""What all parts have in common: each declares what others need to know, and nobody asks what class it is.

Training takes short cuts (a bottleneck that changes nothing is skipped, a squared error needs no autograd), and the
explorer page has its own runtime for the parts it knows. Whether a short cut holds is the part's to say. A declaration
is about the pass it was written beside: a subclass with a pass of its own inherits the cautious answer instead, until
it declares more. So a part nobody has heard of takes the plain path and is never trained as if it were another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import nn

__all__ = ["Part"]


class Part(nn.Module):
    """A module that answers for itself.

    Attributes
    ----------
    passes : tuple of str
        The methods that make up its pass.
    cautious : Mapping
        Each declaration about that pass, with the answer that is always safe.
    """

    passes: ClassVar[tuple[str, ...]] = ("forward",)
    cautious: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if any(name in vars(cls) for name in cls.passes):
            for name, answer in cls.cautious.items():
                if name not in vars(cls):
                    setattr(cls, name, answer)
