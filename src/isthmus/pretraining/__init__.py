"""Semi-supervised learning: pretraining on all rows, then learning from the few labelled ones."""

from isthmus.pretraining.heads import PretrainedClassifier, PretrainedRegressor

__all__ = ["PretrainedClassifier", "PretrainedRegressor"]
