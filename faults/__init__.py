"""Fault injection: every fault that can hit a fit is tried; `python -m faults` writes docs/reliability.md."""
