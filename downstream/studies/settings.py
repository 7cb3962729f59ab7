"""Settings of both stages on one dataset, from its recipes, as studies and searches ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from downstream.methods.importance_settings import ImportanceConfig, SearchRange
from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from nie.errors import NieError
from nie.settings.flags import flag_value
from nie.settings.recipes import resolve
from nie.settings.run import FoldsRunConfig
from pretrain.licap_settings import LicapConfig
from pretrain.stage import PRETRAINING

GENERAL = "fast"
"""The recipe for a graph of any origin."""

SHARED = {"features", "folds", "seed", "device"}
"""What both stages of a row have in common."""


class Settings:
    """Settings of both stages on one dataset, from its recipes.

    Args:
        dataset: name of the dataset.
        profile: which recipes of the dataset, such as ``fast``, ``published-rgtn`` or ``published-licap``.
        flags: settings that both stages know; features, folds, seed and device hold for both, the graph for stage 2.
        epochs: of every network of stage 2, instead of the recipe's: a smaller budget, the same for all arms.

    Raises:
        NieError: a profile that the dataset has not, an unknown flag, or one that the study sets itself.
    """

    def __init__(
        self, dataset: str, profile: str = "fast", flags: Sequence[str] = (), epochs: int | None = None
    ) -> None:  # fmt: skip
        for name in ("--dataset", "--label"):
            if flag_value(flags, name) is not None:
                raise NieError(f"A study names its dataset and its rows itself; leave {name} out.")
        self.dataset, self.profile, self.flags, self.epochs = dataset, profile, list(flags), epochs
        IMPORTANCE.recipes.own(dataset, profile)
        resolve(FoldsRunConfig, {"dataset": dataset}, flags=self.flags)

    def method(self, method: str, **changes: Any) -> ImportanceConfig:
        """Settings of a method, with ``changes`` to sections by name.

        Raises:
            NieError: an unknown method or setting, or a flag for a setting that is changed.
        """
        for flag in _flags_of(changes):
            if flag_value(self.flags, flag) is not None:
                raise NieError(f"The study sets {flag} itself; leave the flag out.")
        overrides = {"dataset": self.dataset, "method": method, **changes}
        if self.epochs is not None and method in METHODS and METHODS[method].is_network:
            overrides["optim"] = {"max_epochs": self.epochs, **changes.get("optim", {})}
        recipe = IMPORTANCE.recipes.own(self.dataset, self.profile)
        return IMPORTANCE.recipes.resolve(recipe, flags=self.flags, overrides=overrides)

    def ranges(self, method: str) -> Mapping[str, SearchRange]:
        """Where `nie search` looks for a method's settings: the ranges of the dataset's recipe, or the general ones.

        Raises:
            NieError: what `method` raises.
        """
        own = self.method(method).ranges
        return own or IMPORTANCE.recipes.resolve(GENERAL, overrides={"dataset": self.dataset, "method": method}).ranges

    def licap(self, **changes: Any) -> LicapConfig:
        """Settings of LICAP, on the features and folds of stage 2."""
        shared = self.method("rgtn").model_dump(include=SHARED)
        overrides = {"dataset": self.dataset, **shared, **changes}
        return PRETRAINING.recipes.resolve(PRETRAINING.recipes.own(self.dataset, self.profile), overrides=overrides)


def _flags_of(changes: Mapping[str, Any], before: str = "--") -> Iterator[str]:
    """The flags of the settings that are changed.

    >>> list(_flags_of({"model": {"mode": "add"}, "members": 3}))
    ['--model.mode', '--members']
    """
    for name, value in changes.items():
        if isinstance(value, Mapping):
            yield from _flags_of(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"
