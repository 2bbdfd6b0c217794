"""What is the smallest code that still reconstructs the input well? Error against size, a choice, and its cost in bits.

curve.py               the whole answer: `rate_distortion`
encoded.py             rows of any form as complete numbers
choosing.py            the size, by what the data support or by a target
choice.py              the record of a choice
supported.py           what the data support: evidence and hidden cells, and which to trust
splits.py              rows to fit and held-out rows
held_out_entries.py    the error of hidden cells
bits.py                rounding, entropy, lower hull
result.py              the result, in numbers and in words
"""

from isthmus.smallest.choice import Choice, Criterion
from isthmus.smallest.curve import rate_distortion
from isthmus.smallest.result import Bits, RateDistortion, SizeErrors

__all__ = ["Bits", "Choice", "Criterion", "RateDistortion", "SizeErrors", "rate_distortion"]
