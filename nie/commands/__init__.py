"""The commands: what can be said on the command line and what it does, a family a file."""
