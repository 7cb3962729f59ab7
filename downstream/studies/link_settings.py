"""Settings of link prediction on one dataset, as studies ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from downstream.stages.links.settings import LinkConfig
from downstream.stages.links.stage import LINKS
from nie.errors import NieError

SHARED = ("model.size", "model.margin", "negatives.", "batch_size", "optim.", "repeats", "seed", "device")
"""The settings that a study leaves to the user."""


class LinkSettings:
    """Settings of link prediction on one dataset, from its ``study`` recipe: small enough to run many arms.

    Args:
        dataset: name of the dataset.
        profile: ``fast``; link prediction has no other recipes for studies.
        flags: settings of `LinkConfig` that hold for all arms, those in `SHARED`.
        epochs: used instead of the recipe's.

    Raises:
        NieError: an unknown flag, or one that the study sets itself.
    """

    def __init__(
        self, dataset: str, profile: str = "fast", flags: Sequence[str] = (), epochs: int | None = None
    ) -> None:  # fmt: skip
        if profile != "fast":
            raise NieError("A study of link prediction has its own recipes; leave --profile out.")
        for flag in flags:
            name = flag.partition("=")[0].removeprefix("--no-").removeprefix("--")
            known = name.split(".")[0] in LinkConfig.model_fields  # another is refused below, with the nearest
            if flag.startswith("--") and known and not name.startswith(SHARED):
                raise NieError(f"The study sets --{name} itself; leave the flag out.")
        self.dataset, self.flags, self.epochs = dataset, list(flags), epochs
        self.of()

    def of(self, **changes: Any) -> LinkConfig:
        """The settings of an arm, with ``changes`` to sections by name."""
        overrides: dict[str, Any] = {"dataset": self.dataset, **changes}
        if self.epochs is not None:
            # Only the last epoch is evaluated, as in the recipe, so that nothing is chosen and no run stops early.
            last = dict.fromkeys(("max_epochs", "eval_every", "patience"), self.epochs)
            overrides["optim"] = {**last, **changes.get("optim", {})}
        return LINKS.recipes.resolve(LINKS.recipes.own(self.dataset, "study"), flags=self.flags, overrides=overrides)
