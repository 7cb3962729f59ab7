"""The pretrained encoders of a run of stage 1, with the features and the graph that they read.

They were trained with the labels of a fold, as their embeddings were, and are bound to it in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from nie.data import Channel, MessageGraph
from nie.errors import NieError
from nie.models import PreGAT
from nie.runs.run import Run, read_run
from nie.runs.weights import read_weights
from nie.settings.recipes import resolve
from pretrain.cross_validation import Fold
from pretrain.embeddings import read_embeddings
from pretrain.encoder_training import new_encoder
from pretrain.inputs import NodeInputs, inputs_key, prepare
from pretrain.licap_settings import LicapConfig


@dataclass(frozen=True, eq=False)
class PretrainedEncoders:
    """The encoders that a run of LICAP pretraining made for a fold.

    Attributes:
        run: the run of stage 1.
        config: its settings, on the device of those who read it.
        inputs: what it read.
        fold: the number of the fold.
        embeddings: by channel, what the encoders gave at the end of stage 1.
    """

    run: Run
    config: LicapConfig
    inputs: NodeInputs
    fold: int
    embeddings: Mapping[str, Channel]

    @classmethod
    def of(cls, path: str | Path, inputs: NodeInputs, fold: Fold) -> PretrainedEncoders:
        """Find the encoders of a fold.

        Args:
            path: folder of the run of stage 1.
            inputs: of the stage that uses them; where stage 1 read something else, that is made once for all folds.
            fold: on which they will be used.

        Raises:
            NieError: there are none, they belong to another dataset or fold, or their features have changed since.
        """
        embeddings = read_embeddings(path, inputs.kg, fold)
        run = read_run(path, LicapConfig.stage)
        read = resolve(LicapConfig, run.config, source=str(run.path))
        config = read.model_copy(update={"device": inputs.config.device})

        def make() -> NodeInputs:
            return prepare(config, data_root=inputs.data_root, kg=inputs.kg)

        key = inputs_key(config)
        own = inputs if key == inputs_key(inputs.config) else inputs.once(("inputs of stage 1", key), make)
        changed = run.changed_source(own.made_from)
        if changed is not None:
            raise NieError(
                f"The encoders of the pretrained run {path} read other features than there are now ({changed}); 'nie "
                f"pretrain --recipe {run.path / 'config.yaml'} --label again' makes those of today."
            )
        return cls(run, config, own, fold.index, embeddings)

    @property
    def message(self) -> MessageGraph:
        """The message graph of stage 1."""
        return self.inputs.message

    def feat(self, channel: str) -> Tensor:
        """(N, d), what the encoder of a channel reads."""
        return self.inputs.tensor(self.inputs.channels[channel])

    def encoder(self, channel: str) -> PreGAT:
        """A new encoder of a channel, with the pretrained weights.

        Raises:
            NieError: the weights are missing or damaged.
        """
        path = self.run.file(self.fold, f"{channel}/model.safetensors")
        model = new_encoder(self.config, self.inputs, channel)
        try:
            read_weights(path, model)
        except NieError as error:
            raise self.run.damaged(path, self.fold) from error
        return model
