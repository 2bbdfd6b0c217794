"""How good is a code? Figures on held-out rows, each beside PCA's, as a record, a table and a sentence."""

from isthmus.evaluation.evaluation import CodeUse, Evaluation, Rebuilding, RebuildingError, evaluate
from isthmus.evaluation.loss_readings import LossReadings, explain_loss
from isthmus.evaluation.summary import evaluation_table, sentence
from isthmus.evaluation.two_sample import TwoSample, compare_samples

__all__ = [
    "CodeUse",
    "Evaluation",
    "LossReadings",
    "Rebuilding",
    "RebuildingError",
    "TwoSample",
    "compare_samples",
    "evaluate",
    "evaluation_table",
    "explain_loss",
    "sentence",
]
