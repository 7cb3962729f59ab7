"""Heads: from a node's vectors to its importance or its tier."""
