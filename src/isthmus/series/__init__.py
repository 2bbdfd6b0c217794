"""Series and sensors: where in time a series is unlike itself, and windows as rows for any autoencoder.

detector = SeriesOutlierDetector().fit(X, times)
detector.scores_, detector.episodes_
"""

from isthmus.series.detection import SeriesDetection
from isthmus.series.detector import SeriesOutlierDetector
from isthmus.series.episodes import Episode
from isthmus.series.series import Series, series_of

__all__ = ["Episode", "Series", "SeriesDetection", "SeriesOutlierDetector", "series_of"]
