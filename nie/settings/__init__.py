"""Settings: sections, runs and recipes; they know no stage and no method, and import no torch."""
