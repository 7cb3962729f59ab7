"""Why link prediction does not run on several hosts, in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from downstream.stages.links.settings import LinkConfig
from nie.errors import NieError

COPIES = 4
"""The table of entities, its gradient and two moments of Adam."""


def predict_links_on_hosts(config: LinkConfig, *, data_root: str | Path, run_root: str | Path) -> NoReturn:
    """Refuse to predict links on several hosts.

    Adam moves every entity that has ever had a gradient at every step, while DGL's optimizer of tables that lie on
    several hosts moves those of the step alone, so that the same settings would train another model there.

    Raises:
        NieError: always.
    """
    raise NieError(
        "--distributed knows no link prediction, whose optimizer moves all entities at every step, while DGL's for "
        "several hosts moves those of the step alone, which is another model; leave --distributed out: one machine "
        f"needs about {COPIES * 2 * 4 * config.model.size} bytes for each entity."
    )
