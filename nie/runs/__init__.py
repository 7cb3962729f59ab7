"""Run directories: their files, weights and provenance; and what a stage is, which makes them."""
