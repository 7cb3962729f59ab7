"""From a graph and settings to the tensors that models read."""
