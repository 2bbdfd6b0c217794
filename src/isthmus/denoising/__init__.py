"""Denoising: restoration of noisy rows by a model trained with or without clean rows."""

from isthmus.denoising.denoiser import Denoiser
from isthmus.denoising.levels import estimate_noise_level
from isthmus.denoising.noise import add_noise
from isthmus.denoising.quality import Restoration, principal_axes, psnr, restoration

__all__ = ["Denoiser", "Restoration", "add_noise", "estimate_noise_level", "principal_axes", "psnr", "restoration"]
