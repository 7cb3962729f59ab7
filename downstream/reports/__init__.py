"""What is read from finished runs: results, tables, tests, figures, pages. Nothing here imports torch."""
