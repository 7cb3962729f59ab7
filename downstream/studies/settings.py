"""Settings of both stages on one dataset, from its recipes, as studies and searches ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from downstream.methods.importance_settings import ImportanceConfig, SearchRange
from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from nie.errors import NieError
from nie.settings.flags import flag_value, without_flag
from nie.settings.recipes import merge, resolve
from nie.settings.run import FoldsRunConfig
from nie.settings.sections import Channels
from pretrain.licap_settings import LicapConfig
from pretrain.stage import PRETRAINING

GENERAL = "fast"
"""The recipe for a graph of any origin."""

SHARED = {"features", "folds", "seed", "device"}
"""What both stages of a row have in common."""

FED = {"degrees", "standardize", "limit"}
"""What each stage's own recipe says of features: how its networks are fed with them."""


class StudyConfig(FoldsRunConfig):
    """What can be said of all rows of a study: the settings that every method has, and one of LICAP's rows."""

    replaced: Channels | None = Field(
        None, description="channels that the rows of LICAP pretrain; by default those of its recipe"
    )


class Settings:
    """Settings of both stages on one dataset, from its recipes.

    Args:
        dataset: name of the dataset.
        profile: which recipes of the dataset, such as ``fast``, ``published-rgtn`` or ``published-licap``.
        flags: settings of `StudyConfig`; what features are made of, folds, seed and device hold for both stages, the
            graph and how features are fed for stage 2.
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
        self.replaced = resolve(StudyConfig, {"dataset": dataset}, flags=self.flags).replaced
        self.flags = without_flag(self.flags, "--replaced")

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
        """Settings of LICAP, on the features and folds of stage 2, with ``changes`` to sections by name.

        Raises:
            NieError: ``--replaced`` for a row that has channels of its own.
        """
        if self.replaced is not None and "channels" in changes:
            raise NieError("The study says of each row which channels it pretrains; leave --replaced out.")
        channels = {} if self.replaced is None else {"channels": self.replaced}
        overrides = merge({"dataset": self.dataset, **of_both_stages(self.method("rgtn")), **channels}, changes)
        return PRETRAINING.recipes.resolve(PRETRAINING.recipes.own(self.dataset, self.profile), overrides=overrides)


def of_both_stages(config: ImportanceConfig) -> dict[str, Any]:
    """The settings of stage 2 that hold for stage 1, too: what the channels are made of, but not how they are fed.

    >>> sorted(of_both_stages(ImportanceConfig(dataset="geo"))["features"])
    ['counted_relations', 'more', 'num_walks', 'seed', 'semantic', 'structural', 'walk_length']
    """
    return config.model_dump(include=SHARED, exclude={"features": FED})


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
