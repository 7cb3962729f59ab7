"""The presets of the main job: what each trades, in which recipes it stands and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass

from nie.errors import NieError, nearest, shown


@dataclass(frozen=True)
class Preset:
    """How thorough the main job is.

    Attributes:
        trades: what one gets for which time, in a few words.
        recipe: of both stages; a dataset may have one of its own, ``<dataset>-<recipe>``.
        minutes: after which no further method is trained, unless the user says otherwise; None for no limit.
    """

    trades: str
    recipe: str
    minutes: float | None = None


PRESETS: dict[str, Preset] = {
    "quick": Preset("two folds and small networks, in five minutes at most", "quick", 5.0),
    "good": Preset("all five folds and networks that are trained to the end", "fast"),
    "best": Preset("three networks averaged, more features, labels as input; several times as long", "best"),
}


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        NieError: there is none.

    >>> find_preset("quick").minutes
    5.0
    """
    if name not in PRESETS:
        raise NieError(f"There is no preset {shown(name)}{nearest(name, PRESETS)}; there are {', '.join(PRESETS)}.")
    return PRESETS[name]
