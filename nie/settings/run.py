"""The settings that every run has, and the name that they give it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from nie.settings.sections import FeaturesConfig, FoldsConfig, GraphConfig, Section, features_in

if TYPE_CHECKING:
    from typing_extensions import Self

DIGEST_DIGITS = 8
"""Hex digits of the hash in the name of a run."""

DEFAULTS_VERSION = 1


class RunConfig(Section):
    """The settings that every run has."""

    stage: ClassVar[str]
    """Name of the stage that reads these settings, which is also the folder of its runs."""
    not_in_name: ClassVar[dict[str, Any]] = {"label": True, "reported": True}
    """The settings that change no result, as pydantic's ``exclude``: they are no part of the name of a run's folder."""

    splits_graph: ClassVar[bool] = False
    """Whether its runs keep the digest of the graph with the splits that they made, and not of the stored one."""
    runs_in: ClassVar[tuple[str, ...]] = ()
    """The settings that name folders of other runs, which a run reads."""

    dataset: str = Field(
        ..., min_length=1, max_length=200, description="name of a processed or buildable knowledge graph"
    )
    label: str | None = Field(
        None,
        max_length=100,
        pattern=r"^[\w.+-]+$",
        description="first part of the run's folder name; by default the method's name",
    )
    data: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{8}$",
        description="which data of a graph of one's own; nie sets it, so that other data are other runs",
    )
    seed: int = Field(0, ge=0, le=4_000_000, description="seed of initial weights, dropout and samplers")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d{1,3})?)$",
        description="cpu, cuda or cuda:1; auto: CUDA where there is a GPU and triton, else the CPU",
    )
    reported: dict[str, dict[str, str | float]] = Field({}, description="published rows, as older runs keep them")
    plugins: dict[str, str] = Field(
        {}, description="the plugins that are used, each with a digest of its source; nie sets it"
    )

    def run_label(self) -> str:
        """The label that was given, or what the stage calls its runs."""
        raise NotImplementedError

    @property
    def fold_numbers(self) -> tuple[int, ...]:
        """The folds, or the repetitions that stand in their place, to run."""
        raise NotImplementedError

    def on_folds(self, *folds: int) -> Self:
        """The same settings, to be run on these folds."""
        raise NotImplementedError

    def on_data(self, version: Mapping[str, str]) -> Self:
        """The same settings on this version of the graph, of `nie.data.version.version_of`.

        Only a graph of one's own has its data in the name of its runs: the datasets of nie are known by their name.
        """
        data = version.get("data_sha256")
        return self.model_copy(update={"data": data and data[:8]})

    def uses(self) -> Iterator[tuple[str, str]]:
        """Kind and name of all that is chosen by a name that a plugin may have registered (`nie.plugins`)."""
        yield from ()

    def reads_runs(self) -> Mapping[str, str | tuple[str, ...]]:
        """Folders of the finished runs that a run of these settings reads, by the setting that names them."""
        return {name: folders for name in self.runs_in if (folders := getattr(self, name))}

    def digest(self) -> str:
        """Eight hex digits of everything that can change a result and is not at its default.

        A new setting whose default changes nothing leaves finished runs where they are. Whoever changes what a default
        means raises `DEFAULTS_VERSION`.
        """
        document = self.model_dump(mode="json", exclude=self.not_in_name, exclude_defaults=True)
        document = {key: value for key, value in document.items() if value != {} or key not in self.not_in_name}
        # A run's folder name says what is in it, wherever it is kept and by whatever link it is reached.
        for setting, paths in self.reads_runs().items():
            names = [Path(path).resolve().name for path in ([paths] if isinstance(paths, str) else paths)]
            document[setting] = names[0] if isinstance(paths, str) else names
        document["defaults"] = DEFAULTS_VERSION
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:DIGEST_DIGITS]


class FoldsRunConfig(RunConfig):
    """The settings of stages that read a graph with features and run on folds of its labelled nodes."""

    not_in_name: ClassVar[dict[str, Any]] = {**RunConfig.not_in_name, "folds": {"run"}}
    reads_features: ClassVar[bool] = True
    """False for a method that reads only the graph or other runs, so that no features are computed for it."""

    reads_training_labels: ClassVar[bool] = False
    """True where features may be made of the training labels of a fold."""

    graph: GraphConfig = GraphConfig()
    features: FeaturesConfig = FeaturesConfig()
    folds: FoldsConfig = FoldsConfig()

    def uses(self) -> Iterator[tuple[str, str]]:
        """The features."""
        chosen = (self.features.structural, self.features.semantic, *self.features.more.values())
        for names in chosen if self.reads_features else ():
            yield from (("feature", name) for name in features_in(names))

    @property
    def fold_numbers(self) -> tuple[int, ...]:
        """The folds to run."""
        return self.folds.run

    def on_folds(self, *folds: int) -> Self:
        """The same settings, to be run on these folds."""
        return self.model_copy(update={"folds": self.folds.model_copy(update={"run": folds})})
