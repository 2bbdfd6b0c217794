"""Anomaly detection: which rows are anomalous, how certain that is, and which columns explain it.

detector = AutoencoderOutlierDetector().fit(X_normal)
detector.predict(X), detector.p_values(X), detector.explain(X)
"""

from isthmus.anomaly.contributions import Explanation
from isthmus.anomaly.cross_validation import DetectionResult, cross_val_detect
from isthmus.anomaly.detector import AutoencoderOutlierDetector

__all__ = ["AutoencoderOutlierDetector", "DetectionResult", "Explanation", "cross_val_detect"]
