"""Anomalies: which rows are unlike the rest, how sure is that, and which columns give them away.

detector = AutoencoderOutlierDetector().fit(X_usual)
detector.predict(X), detector.p_values(X), detector.explain(X)
"""

from isthmus.anomaly.contributions import Explanation
from isthmus.anomaly.cross_validation import Judgement, judge_within
from isthmus.anomaly.detector import AutoencoderOutlierDetector

__all__ = ["AutoencoderOutlierDetector", "Explanation", "Judgement", "judge_within"]
