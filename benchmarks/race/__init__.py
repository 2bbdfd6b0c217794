"""Autoencoders raced against each other: one job, many competitors, each in its own process."""
