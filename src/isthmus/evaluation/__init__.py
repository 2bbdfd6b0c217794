"""Evaluation of codes on held-out rows, compared with PCA: a record, a table and a sentence."""

from isthmus.evaluation.evaluate import evaluate
from isthmus.evaluation.loss_readings import LossReadings, explain_loss
from isthmus.evaluation.result import (
    CodeUse,
    Evaluation,
    Reconstruction,
    ReconstructionError,
    evaluation_table,
    sentence,
)
from isthmus.evaluation.two_sample import TwoSample, compare_samples

__all__ = [
    "CodeUse",
    "Evaluation",
    "LossReadings",
    "Reconstruction",
    "ReconstructionError",
    "TwoSample",
    "compare_samples",
    "evaluate",
    "evaluation_table",
    "explain_loss",
    "sentence",
]
