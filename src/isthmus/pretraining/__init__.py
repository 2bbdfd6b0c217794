"""Pretraining on all rows, learning on the few labelled ones."""

from isthmus.pretraining.heads import PretrainedClassifier, PretrainedRegressor

__all__ = ["PretrainedClassifier", "PretrainedRegressor"]
