"""Batches that the trainers of several hosts share: each computes its part, and all step with the same gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nie.models import ImportanceScores
from nie.training.block_batches import NeighbourBatches, SampledNodes
from nie.training.distributed import Trainers
from nie.training.loop import seeded
from nie.training.neighbourhood import Neighbourhood
from nie.training.parted_graph import PartedGraph


class SharedBatches(NeighbourBatches):
    """The batches of `NeighbourBatches`, each of which is divided among the trainers.

    A batch is sorted by where its nodes lie and cut into shares of about the same size, so that most of what a trainer
    reads lies on its own host. What the network gives for a share is then told to all. Every trainer computes the loss
    of the whole batch, whichever it is, and its gradient by way of its own share; the sum over the trainers, taken
    before each step, is the gradient that one host would have had.

    Args:
        graph: the graph in parts.
        train: (n,) ids of the training nodes.
        size: training nodes in a batch of all trainers together, at most.
        fanouts: in-edges sampled for each node, one number for each layer; -1 takes all.
    """

    def __init__(self, graph: PartedGraph, train: Tensor, size: int, fanouts: Sequence[int]) -> None:
        self.train, self.size, self.device = train, size, torch.device("cpu")
        self.sampler, self.place, self.trainers = graph.sampler([*fanouts]), graph.place, graph.trainers

    def _scores(
        self, model: nn.Module, nodes: Tensor, feats: Mapping[str, Tensor], generator: torch.Generator,
        masks: Mapping[str, Tensor] | None,
    ) -> ImportanceScores:  # fmt: skip
        def own(share: Tensor) -> ImportanceScores:
            return self.sampler.sample(nodes[share], generator).outputs(model, feats, masks)

        scores: ImportanceScores = shared(own, self.place[nodes], self.trainers, generator)
        return scores

    def share_gradients(self, model: nn.Module, head: nn.Module | None = None) -> None:
        """As of `SharedNodes`."""
        share_gradients(model, head, self.trainers)


class SharedNodes(SampledNodes):
    """`SampledNodes` of which each trainer computes a share, which it tells the others.

    Args:
        graph: the graph in parts.
        fanouts: in-edges sampled for each node, one number for each layer; -1 takes all.
    """

    def __init__(self, graph: PartedGraph, fanouts: Sequence[int]) -> None:
        super().__init__(graph.sampler([*fanouts]))
        self.place, self.trainers = graph.place, graph.trainers

    def _of_distinct(self, nodes: Tensor, run: Callable[[Neighbourhood], Tensor], generator: torch.Generator) -> Tensor:
        """As of `SampledNodes`; rows of other trainers are constants."""
        made: Tensor = shared(
            lambda share: run(self.sampler.sample(nodes[share], generator)), self.place[nodes], self.trainers, generator
        )
        return made

    def share_gradients(self, model: nn.Module, head: nn.Module | None = None) -> None:
        """Add up the gradients of all trainers; a parameter that the loss does not read has none on any of them.

        Every trainer has the whole gradient of a ``head``, which reads the rows of all trainers. They take the first
        one's, so that rounding on different processors does not part them.
        """
        share_gradients(model, head, self.trainers)


def shared(own: Callable[[Tensor], Any], place: Tensor, trainers: Trainers, generator: torch.Generator) -> Any:
    """What all trainers give for nodes, of which each computes those that lie near to it.

    Args:
        own: gives what a model says of the nodes at these positions.
        place: (n,) where each node lies.
        trainers: of all hosts.
        generator: shared by them.
    """
    share = place.argsort().tensor_split(trainers.count)[trainers.number]
    with seeded(own_seed(trainers.number, generator)):
        made = own(share)
    return of_all(made, share, len(place), trainers)


def own_seed(trainer: int, generator: torch.Generator) -> int:
    """The seed of a trainer's dropout in a step, which is another for each: torch began with the same on all hosts.

    The same mask on every host's rows would repeat the noise of a batch as often as there are hosts. The seed is that
    of the state of the shared ``generator``, which stays as it is on all of them, so that a run which goes on from a
    checkpoint draws what it would have.

    >>> shared = torch.Generator()
    >>> own_seed(1, shared) == own_seed(0, shared) + 1, own_seed(0, shared) == own_seed(0, shared)
    (True, True)
    """
    ahead = torch.Generator()
    ahead.set_state(generator.get_state())
    return int(torch.randint(2**62, (), generator=ahead)) + trainer


def share_gradients(model: nn.Module, head: nn.Module | None, trainers: Trainers) -> None:
    """Put the sum over all trainers in the place of each gradient of a model, and the first one's in a head's."""
    _replace_gradients(model, trainers.sum)
    if head is not None:
        _replace_gradients(head, trainers.as_first)


def _replace_gradients(model: nn.Module, shared: Callable[[Tensor], Tensor]) -> None:
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    sizes = [gradient.numel() for gradient in gradients]
    whole = shared(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, part in zip(gradients, torch.split(whole, sizes), strict=True):
        gradient.copy_(part.view_as(gradient))


def of_all(own: Any, share: Tensor, count: int, trainers: Trainers) -> Any:
    """What a model gives for all ``count`` rows of a batch, of which those at ``share`` were computed here.

    Tensors may stand in dataclasses, named tuples and mappings. Rows of others are constants.
    """
    if isinstance(own, Tensor):
        whole = own.new_zeros(count, *own.shape[1:], dtype=torch.uint8 if own.dtype == torch.bool else own.dtype)
        whole[share] = own.detach().to(whole.dtype)
        filled = trainers.sum(whole).to(own.dtype)
        return filled.index_copy(0, share, own) if own.requires_grad else filled
    if is_dataclass(own) and not isinstance(own, type):
        return type(own)(**{one.name: of_all(getattr(own, one.name), share, count, trainers) for one in fields(own)})
    if isinstance(own, tuple):
        made = (of_all(one, share, count, trainers) for one in own)
        return type(own)(*made) if hasattr(own, "_fields") else tuple(made)
    if isinstance(own, Mapping):
        return {name: of_all(one, share, count, trainers) for name, one in own.items()}
    return own
