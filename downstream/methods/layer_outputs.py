"""What the layers of a trained network compute for every node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import nn

from downstream.methods.fine_tuning import FineTuned
from downstream.methods.fold_network import FoldNetwork
from nie.arrays import Floats
from nie.models.transformer import TransformerBlock


def layers_of(model: nn.Module, given: FoldNetwork) -> list[Floats]:
    """(N, d) by layer, the first layer first; none of a network whose layers are not known.

    Known are the convolutions of a stack, and the blocks of graph transformers: of several channels those at the same
    distance from the end stand side by side. Of a network behind encoders that are trained along, they are its own.

    Args:
        model: of ``given``.
        given: what it reads.
    """
    stacks = stacks_of(model)
    seen = outputs_of([block for stack in stacks for block in stack], model, given)
    depth = min(map(len, stacks), default=0)
    beside = [[seen[stack[len(stack) - depth + layer]] for stack in stacks] for layer in range(depth)]
    return [np.concatenate(parts, axis=1) for parts in beside]


def stacks_of(model: nn.Module) -> list[Sequence[nn.Module]]:
    """The layers of every stack of a network: of each encoder of a channel that is made of blocks, or its own."""
    if isinstance(model, FineTuned):
        return stacks_of(model.network)
    encoders = getattr(model, "encoders", None)
    if isinstance(encoders, nn.ModuleList):
        found = [[part for part in encoder.modules() if isinstance(part, TransformerBlock)] for encoder in encoders]
        return [stack for stack in found if stack]
    layers = getattr(model, "layers", None)
    return [list(layers)] if isinstance(layers, nn.ModuleList) and len(layers) else []


def outputs_of(modules: Iterable[nn.Module], model: nn.Module, given: FoldNetwork) -> dict[nn.Module, Floats]:
    """(N, d) by module, in evaluation; heads of an output stand side by side."""
    seen: dict[nn.Module, Floats] = {}

    def keep(module: nn.Module, _given: Any, made: torch.Tensor) -> None:
        seen[module] = made.flatten(1).cpu().numpy()

    with torch.no_grad(), ExitStack() as hooks:
        for module in modules:
            hooks.callback(module.register_forward_hook(keep).remove)
        given.outputs(model.eval(), given.predicting)
    return seen
