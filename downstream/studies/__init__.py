"""Studies, one file a theme; the catalogue names them."""
