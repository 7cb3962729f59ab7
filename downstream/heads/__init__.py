"""Heads: the last part of a network, from a node's vectors to its importance or to the tier that it is in."""
