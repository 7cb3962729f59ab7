"""Losses of stage 2, each a pure function."""
