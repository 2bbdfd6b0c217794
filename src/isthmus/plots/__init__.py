"""Figures of a fitted model and its data: functions from plain arrays to matplotlib figures.

They neither touch matplotlib's global state nor open a window.
"""

from isthmus.plots.anomalies import plot_anomalies
from isthmus.plots.curves import plot_history
from isthmus.plots.denoised import plot_denoised
from isthmus.plots.features import plot_error_by_feature, plot_reconstructions
from isthmus.plots.grid import plot_decode_grid
from isthmus.plots.loadings import plot_loadings
from isthmus.plots.pictures import plot_generated, plot_interpolation, plot_samples
from isthmus.plots.plane import plot_latent_plane
from isthmus.plots.rate_distortion import plot_rate_distortion
from isthmus.plots.series import plot_series
from isthmus.plots.signals import plot_signals, plot_spectrograms
from isthmus.plots.style import save_figure

__all__ = [
    "plot_anomalies",
    "plot_decode_grid",
    "plot_denoised",
    "plot_error_by_feature",
    "plot_generated",
    "plot_history",
    "plot_interpolation",
    "plot_latent_plane",
    "plot_loadings",
    "plot_rate_distortion",
    "plot_reconstructions",
    "plot_samples",
    "plot_series",
    "plot_signals",
    "plot_spectrograms",
    "save_figure",
]
