"""The one training loop, and batches of sampled blocks."""
