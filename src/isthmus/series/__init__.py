"""Time series and sensors: anomalies in a series, and windows as rows for any autoencoder.

``SeriesOutlierDetector().fit(X, times)`` has ``scores_`` for steps and ``episodes_`` for stretches of high scores.
"""

from isthmus.series.detection import SeriesDetection
from isthmus.series.detector import SeriesOutlierDetector
from isthmus.series.episodes import Episode
from isthmus.series.series import Series, series_of
from isthmus.series.smallest import WindowCodeSizes, window_code_sizes
from isthmus.series.windowed import WindowedAutoencoder

__all__ = [
    "Episode",
    "Series",
    "SeriesDetection",
    "SeriesOutlierDetector",
    "WindowCodeSizes",
    "WindowedAutoencoder",
    "series_of",
    "window_code_sizes",
]
