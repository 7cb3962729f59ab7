"""The one training loop of all models, and the batches of sampled blocks that it may run on."""
