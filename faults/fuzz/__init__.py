"""Coverage-guided fuzzing of every loader: python -m faults.fuzz --seconds 3600 (needs pip install -e '.[faults]')."""
