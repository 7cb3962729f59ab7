"""Settings: their sections, what every run has, and recipes. They know no stage and no method, and load no torch."""
