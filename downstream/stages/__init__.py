"""The tasks, importance estimation and link prediction, each a value; the table of stages; the runner of many runs."""
