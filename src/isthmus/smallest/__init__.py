"""What is the smallest code that still reconstructs the input well? Error against size, a choice, and its cost in bits.

curve.py               the question asked and answered: `rate_distortion`
choosing.py            the size, by hidden cells or by a target; search.py tries as few sizes as it can
held_out_entries.py    the error that has a minimum
bits.py                rounding, entropy, lower hull
result.py              what came of it, in numbers and in words
"""

from isthmus.smallest.curve import rate_distortion
from isthmus.smallest.result import Bits, Choice, RateDistortion, SizeErrors

__all__ = ["Bits", "Choice", "RateDistortion", "SizeErrors", "rate_distortion"]
