"""Autoencoders raced against each other: one job, many competitors, each in a process of its own."""
