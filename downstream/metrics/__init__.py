"""Metrics: one registry, and the functions behind it."""
