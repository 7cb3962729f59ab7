"""The studies that there are."""

from __future__ import annotations

from downstream.studies.architecture import ARCHITECTURE
from downstream.studies.best import BEST
from downstream.studies.case_study import CASE_STUDY
from downstream.studies.channels import CHANNEL_STUDIES
from downstream.studies.distil import DISTIL
from downstream.studies.groups import GROUPS
from downstream.studies.label_distribution import LABEL_DISTRIBUTION
from downstream.studies.licap import LICAP_STUDIES
from downstream.studies.licap_worth import LICAP_WORTH
from downstream.studies.links import LINK_STUDIES
from downstream.studies.lists import LISTS
from downstream.studies.methods import METHOD_STUDIES
from downstream.studies.missing_text import MISSING
from downstream.studies.next_year import NEXT_YEAR
from downstream.studies.out_of_domain import OUT_OF_DOMAIN
from downstream.studies.practice import PRACTICE
from downstream.studies.relations import RELATIONS
from downstream.studies.signals import SIGNALS_STUDY
from downstream.studies.study import Study
from downstream.studies.taught import TAUGHT_STUDY
from downstream.studies.text_encoders import TEXT_ENCODERS
from downstream.studies.tiers import TIERS
from nie.errors import NieError, nearest

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        *METHOD_STUDIES,
        *LICAP_STUDIES,
        *LICAP_WORTH,
        TAUGHT_STUDY,
        *PRACTICE,
        DISTIL,
        *ARCHITECTURE,
        *LISTS,
        GROUPS,
        LABEL_DISTRIBUTION,
        SIGNALS_STUDY,
        OUT_OF_DOMAIN,
        NEXT_YEAR,
        BEST,
        CASE_STUDY,
        *CHANNEL_STUDIES,
        MISSING,
        TEXT_ENCODERS,
        TIERS,
        RELATIONS,
        *LINK_STUDIES,
    )
}


def find_study(name: str) -> Study:
    """The study of this name.

    Raises:
        NieError: there is none; the nearest is named.

    >>> find_study("main").question
    'How good is every method, and does LICAP pretraining help it?'
    """
    if name not in STUDIES:
        hint = nearest(name, STUDIES) or f" (there are {', '.join(STUDIES)})"
        raise NieError(f"There is no study {name!r}{hint}.")
    return STUDIES[name]


def listed() -> str:
    """The studies by name, each with its question.

    >>> listed().splitlines()[0]
    'main             How good is every method, and does LICAP pretraining help it?'
    """
    width = max(map(len, STUDIES))
    return "\n".join(f"{name:<{width}}  {study.question}" for name, study in STUDIES.items())
