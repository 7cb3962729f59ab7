"""Settings of link prediction on one dataset, as studies ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nie.errors import NieError
from nie.link_config import LinkConfig
from nie.recipes import flag_value, load_config, own_recipe


class LinkSettings:
    """Settings of link prediction on one dataset, from its ``study`` recipe: small enough to run many arms.

    Args:
        dataset: name of the dataset.
        flags: settings of `LinkConfig` that hold for all arms.
        epochs: in the place of the recipe's.

    Raises:
        NieError: an unknown flag, or one that has no place in a study.
    """

    def __init__(self, dataset: str, flags: Sequence[str] = (), epochs: int | None = None) -> None:
        for name in ("--dataset", "--label"):
            if flag_value(flags, name) is not None:
                raise NieError(f"A study names its dataset and its rows itself, so {name} has no place there.")
        self.dataset, self.flags, self.epochs = dataset, list(flags), epochs
        self.of()

    def of(self, **changes: Any) -> LinkConfig:
        """The settings of an arm, with ``changes`` to sections by name."""
        overrides: dict[str, Any] = {"dataset": self.dataset, **changes}
        if self.epochs is not None:
            overrides["optim"] = {"max_epochs": self.epochs, **changes.get("optim", {})}
        return load_config(
            LinkConfig, own_recipe(LinkConfig, self.dataset, "study"), flags=self.flags, overrides=overrides
        )
