"""Every fault that can befall a fit, tried for real; `python -m faults` writes what was lost into docs/reliability.md."""
