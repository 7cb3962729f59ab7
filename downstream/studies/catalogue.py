"""The studies that there are."""

from __future__ import annotations

from downstream.studies.best import BEST_STUDY
from downstream.studies.channels import CHANNEL_STUDIES
from downstream.studies.licap import LICAP_STUDIES
from downstream.studies.links import LINK_STUDIES
from downstream.studies.methods import METHOD_STUDIES
from downstream.studies.missing_text import MISSING_STUDY
from downstream.studies.relations import RELATION_STUDY
from downstream.studies.study import Study
from downstream.studies.tiers import TIER_STUDY
from nie.errors import NieError, nearest

STUDIES: dict[str, Study] = {
    **METHOD_STUDIES,
    **LICAP_STUDIES,
    **BEST_STUDY,
    **CHANNEL_STUDIES,
    **MISSING_STUDY,
    **TIER_STUDY,
    **RELATION_STUDY,
    **LINK_STUDIES,
}


def find_study(name: str) -> Study:
    """The study of this name.

    Raises:
        NieError: there is none; the nearest is named.
    """
    if name not in STUDIES:
        hint = nearest(name, STUDIES) or f" (there are {', '.join(STUDIES)})"
        raise NieError(f"There is no study {name!r}{hint}.")
    return STUDIES[name]
