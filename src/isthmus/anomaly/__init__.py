"""Anomaly detection: which rows are anomalous, how certain that is, and which columns explain it.

detector = AutoencoderOutlierDetector().fit(X_normal)
detector.predict(X), detector.p_values(X), detector.explain(X), detector.drift(X)
AutoencoderOutlierDetector().fit_detect(X)          for a table without labels
"""

from isthmus.anomaly.contributions import Explanation
from isthmus.anomaly.cross_validation import cross_val_detect, detect_stream
from isthmus.anomaly.detection import DetectionResult
from isthmus.anomaly.detector import AutoencoderOutlierDetector
from isthmus.anomaly.drift import Drift

__all__ = [
    "AutoencoderOutlierDetector",
    "DetectionResult",
    "Drift",
    "Explanation",
    "cross_val_detect",
    "detect_stream",
]
