"""The fault suite: damaged files, kills and broken disks, with fixed seeds. By hand: ``python -m tests.faults``."""

import sys
from pathlib import Path

HELPERS = str(Path(__file__).resolve().parents[1])
if HELPERS not in sys.path:  # run as a command, where pytest's settings do not hold
    sys.path.insert(0, HELPERS)
