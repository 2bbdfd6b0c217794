"""What all parts have in common: each declares what others need to know, and no code checks its class.

Training takes shortcuts (an identity bottleneck is skipped, a squared error needs no autograd), and the explorer page
has its own runtime for the parts it knows. The part declares which shortcuts are valid. A declaration describes the
methods of its own class: a subclass that overrides one of them gets the cautious answer until it declares otherwise.
So an unknown part takes the plain path and is never trained as if it were another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import nn

__all__ = ["Part"]


class Part(nn.Module):
    """A module that declares its own properties.

    Attributes
    ----------
    passes : tuple of str
        The methods that its declarations describe.
    cautious : Mapping
        Each of these declarations, with the value that is always safe.
    """

    passes: ClassVar[tuple[str, ...]] = ("forward",)
    cautious: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if any(name in vars(cls) for name in cls.passes):
            for name, answer in cls.cautious.items():
                if name not in vars(cls):
                    setattr(cls, name, answer)
