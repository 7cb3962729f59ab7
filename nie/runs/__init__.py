"""Run folders: files, weights, provenance, and running stages."""
