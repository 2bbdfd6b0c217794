"""Every fault that can befall a fit, tried for real; `python -m faults` writes docs/reliability.md."""
