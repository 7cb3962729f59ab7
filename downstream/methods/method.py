"""What a method of importance estimation is; the methods that there are stand in `downstream.methods.table`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from downstream.methods.importance_settings import ImportanceConfig


def _nothing(_work: Any) -> None:
    return None


@dataclass(frozen=True)
class Method:
    """A method of importance estimation.

    Attributes:
        settings: class of its settings, which has exactly what it reads.
        fit: ``(work, checked, folder) -> Fitted``: fits it on the fold of a `downstream.methods.fold_work.FoldWork`,
            with what ``check`` returned, and writes what is worth keeping to the folder.
        check: ``(work) -> checked``: refuses what cannot work before anything is written, and returns what it made.
        build: of a network, ``(channel_sizes=, num_relations=, tier_outputs=, **settings of the model) -> nn.Module``,
            a model as `nie.models` describes it; ``tier_outputs`` is given where tiers of importance are learned.
        takes_masks: of a network, whether it is called with ``masks=``, the nodes that have each channel.
        weights: of a method that is linear in the features, ``(FoldData) -> (weights, constant)``: those (d,) of the
            features as they are, and what is added to them.
        predictor: of a method of a table, ``(FoldData, settings of the model) -> Predictor``: fits it, and says what it
            gives for the rows of any table with the same columns.
        sees_test_labels: it is here to show what its leak is worth; nothing is compared with it or chosen from it.
        made_of_runs: it reads finished runs of other methods.
    """

    settings: type[ImportanceConfig]
    fit: Callable[..., Any]
    check: Callable[..., Any] = _nothing
    build: Callable[..., Any] | None = None
    takes_masks: bool = False
    weights: Callable[..., Any] | None = None
    predictor: Callable[..., Any] | None = None
    sees_test_labels: bool = False
    made_of_runs: bool = False

    @property
    def is_network(self) -> bool:
        """Whether it is a neural network, with the settings of `NetworkConfig`."""
        return self.build is not None
