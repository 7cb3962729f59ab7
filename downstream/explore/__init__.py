"""The local page: a ranking to search, and each question to a score a click away (``nie explore``)."""
