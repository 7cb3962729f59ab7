"""Losses of nodes that are in groups: each group by a weight of its own, and order within groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from downstream.losses.lists import draw_lists, few_lists
from downstream.losses.table import GroupWeight, ListSize, ListwiseLoss

Error: TypeAlias = Callable[[Tensor, Tensor], Tensor]
LEAST = 1e-6
"""A group that is learned to the last digit counts as if it had this error."""


def weighed_by_group(error: Error, group: Tensor, weight: GroupWeight) -> Error:
    r"""An error as :math:`\sum_g w_g \frac{n_g}{n} e_g`, with the mean error :math:`e_g` of the n_g nodes of a group.

    ``none``: w = 1, which is the plain mean. ``inverse_size``: :math:`w_g \propto 1 / n_g`, so that every group counts
    as much as any other. ``inverse_error``: :math:`w_g \propto 1 / e_g`, with the error as it is now; where weights are
    learned as uncertainties, :math:`\sum_g e^{-s_g} e_g + s_g` (Kendall et al., CVPR 2018), this is what they settle
    at. Weights are constants for the gradient, and have a mean of 1 over the nodes.

    Args:
        error: ``(prediction, target) -> () tensor``, a mean over nodes.
        group: (n,) of each node.
        weight: one of the three.

    Example:
        >>> from downstream.losses.importance import squared_error
        >>> made, zero = torch.tensor([1.0, 1.0, 1.0, 3.0]), torch.zeros(4)
        >>> weighed_by_group(squared_error, torch.tensor([0, 0, 0, 1]), "inverse_size")(made, zero)
        tensor(5.)
    """
    if weight == "none":
        return error
    parts = [(group == number).nonzero()[:, 0] for number in torch.unique(group)]
    sizes = torch.tensor([float(len(part)) for part in parts], device=group.device)

    def weighed(prediction: Tensor, target: Tensor) -> Tensor:
        errors = torch.stack([error(prediction[part], target[part]) for part in parts])
        wanted = 1 / (sizes if weight == "inverse_size" else errors.detach().clamp(min=LEAST))
        share = sizes / sizes.sum()
        return (share * wanted / (share * wanted).sum() * errors).sum()

    return weighed


def within_groups(
    listwise: ListwiseLoss, score: Tensor, target: Tensor, group: Tensor,
    list_size: ListSize, generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """A listwise loss of lists within groups, mean over the nodes; a group of a single node has none.

    Args:
        listwise: the loss; one that makes all pairs of a list takes few of the lists.
        score: (n,) predicted.
        target: (n,) labels.
        group: (n,) of each node.
        list_size: nodes in a list, at most those of the group.
        generator: draws the lists.
    """
    total, count = score.new_zeros(()), 0
    for number in torch.unique(group).tolist():
        members = (group == number).nonzero()[:, 0]
        if len(members) > 1:
            lists = draw_lists(len(members), list_size, generator)
            if listwise.by_pairs:
                lists = few_lists(lists, len(members), generator)
            part = listwise.function(score[members], target[members], lists.to(members.device))
            total = total + len(members) * part
            count += len(members)
    return total / max(count, 1)
