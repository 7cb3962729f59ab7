"""Metrics: one registry of every figure that a run may have, the functions behind it, and what judges a fold."""
