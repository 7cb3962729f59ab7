"""The commands: what can be said on the command line and what it does, one family in each file."""
