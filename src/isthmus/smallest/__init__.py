"""What is the smallest code that still reconstructs the input well? Error against size, a choice, and its cost in bits.

curve.py               the question asked and answered: `rate_distortion`
choosing.py            the size, by what the data support or by a target
supported.py           what the data support: evidence and hidden cells, and which to believe
splits.py              rows to fit and held-out rows
held_out_entries.py    the error of hidden cells
bits.py                rounding, entropy, lower hull
result.py              what came of it, in numbers and in words
"""

from isthmus.smallest.choice import Choice, Criterion
from isthmus.smallest.curve import rate_distortion
from isthmus.smallest.result import Bits, RateDistortion, SizeErrors

__all__ = ["Bits", "Choice", "Criterion", "RateDistortion", "SizeErrors", "rate_distortion"]
