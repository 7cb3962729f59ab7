"""Methods of importance estimation: their settings, one table, and how each is fitted."""
