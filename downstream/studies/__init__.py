"""Studies, one file for each theme; the catalogue names them."""
