"""Which nodes a listwise loss puts in order together: any, those of about the same label, or those ranked worst."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from downstream.losses.table import LISTS_OF_A_NODE, ListSampling, ListSize
from nie.errors import NieError

WINDOW = 4
"""Times the other nodes of a near list, the nodes in the order of labels that it is drawn from."""
HARD = 0.25
"""Share of the training nodes, those with the largest errors of rank, that hard lists are drawn from."""


def lists_for(
    kind: ListSampling, score: Tensor, target: Tensor, list_size: ListSize, done: float, generator: torch.Generator
) -> Tensor:  # fmt: skip
    """A list for every training node, as ``kind`` says.

    ``uniform``: of any nodes (`draw_lists`). ``near``: of nodes with labels like its own (`near_lists`). ``hard``: of
    nodes that are ranked worst so far (`hard_lists`). ``mixed``: uniform for one half of the nodes and hard for the
    other, drawn anew. ``curriculum``: hard for a share of them that grows from 0 to 1 over the training.

    Args:
        kind: one of the five.
        score: (n,) predicted so far.
        target: (n,) labels.
        list_size: nodes in a list; ``all`` is a single list, whatever the kind.
        done: share of the epochs that are over.
        generator: source of randomness.

    Returns:
        (n, m) long, positions among the training nodes; column 0 is the node itself. (1, n) of all.
    """
    share = {"hard": 1.0, "mixed": 0.5, "curriculum": done}.get(kind, 0.0)
    if list_size == "all" or (share == 0 and kind != "near"):
        return draw_lists(len(target), list_size, generator)
    if kind == "near":
        return near_lists(target, list_size, generator)
    lists = hard_lists(score, target, list_size, generator)
    if share < 1:
        easy = torch.randperm(len(target), generator=generator)[round(share * len(target)) :]
        lists[easy] = draw_lists(len(target), list_size, generator)[easy]
    return lists


def few_lists(lists: Tensor, num_train: int, generator: torch.Generator) -> Tensor:
    """As many of the lists (L, m) as name each of the nodes `LISTS_OF_A_NODE` times in the mean, drawn at random.

    >>> few_lists(torch.zeros(100, 20, dtype=torch.int64), 100, torch.Generator().manual_seed(0)).shape
    torch.Size([20, 20])
    """
    enough = math.ceil(LISTS_OF_A_NODE * num_train / lists.shape[1])
    return lists[torch.randperm(len(lists), generator=generator)[:enough]]


def draw_lists(num_train: int, list_size: ListSize, generator: torch.Generator) -> Tensor:
    """Draw for every training node a list of itself and any other training nodes, all distinct.

    The nodes are put on a circle in random order, and random steps along the circle are drawn once for all of them.
    Each node's list is a uniformly random set, and every node stands in the same number of lists, at the cost of
    two permutations. (The published RGTN program draws with replacement, a node itself included.)

    Args:
        num_train: number n of training nodes, at least 2.
        list_size: nodes in a list, at least 2; at most ``num_train`` are used. ``all`` makes one list of all.
        generator: source of randomness; the result is on its device.

    Returns:
        (n, min(list_size, n)) long, positions among the training nodes; column 0 is the node itself. (1, n) of all.

    Raises:
        NieError: fewer than 2 nodes or a list of fewer than 2.

    Example:
        >>> lists = draw_lists(5, 3, torch.Generator().manual_seed(0))
        >>> lists.shape, lists[:, 0].tolist()
        (torch.Size([5, 3]), [0, 1, 2, 3, 4])
    """
    if num_train < 2 or (list_size != "all" and list_size < 2):
        raise NieError(
            f"The listwise loss must have lists of at least 2 nodes, and at least 2 training nodes; got {list_size} "
            f"and {num_train}."
        )
    device = generator.device
    if list_size == "all":
        return torch.arange(num_train, device=device)[None]
    circle, order = _drawn(num_train, generator)
    steps = torch.cat([order.new_zeros(1), 1 + order[: list_size - 1]])
    place = torch.arange(num_train, device=device)[:, None] + steps  # (n, m)
    lists = torch.empty_like(place)
    lists[circle] = circle[place % num_train]
    return lists


def pass_lists(num_train: int, list_size: ListSize, generator: torch.Generator) -> None:
    """Draw what `draw_lists` draws and make no lists, so that a loss without them changes no later draw.

    >>> ahead, passed = (torch.Generator().manual_seed(0) for _ in range(2))
    >>> _ = draw_lists(9, 3, ahead)
    >>> pass_lists(9, 3, passed)
    >>> bool((ahead.get_state() == passed.get_state()).all())
    True
    """
    if list_size != "all":
        _drawn(num_train, generator)


def _drawn(num_train: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The circle of the nodes, and the order that steps along it are taken from."""
    first = torch.randperm(num_train, generator=generator, device=generator.device)
    return first, torch.randperm(max(num_train - 1, 0), generator=generator, device=generator.device)


def near_lists(target: Tensor, list_size: int, generator: torch.Generator) -> Tensor:
    """Lists of a node and others within a window of labels: the ``WINDOW * (list_size - 1)`` next to it in their order.

    Order among such nodes is what a metric of the whole ranking is made of, and what lists of any nodes rarely ask for.
    Nodes of equal labels stand in random order.

    Args:
        target: (n,) labels.
        list_size: nodes in a list, at least 2; at most n are used.
        generator: source of randomness; the result is on its device.

    Returns:
        (n, min(list_size, n)) long; column 0 is the node itself.

    Example:
        >>> lists = near_lists(torch.arange(1000.0), 5, torch.Generator().manual_seed(0))
        >>> lists.shape, int((lists - lists[:, :1]).abs().max()) <= WINDOW * 4
        (torch.Size([1000, 5]), True)
    """
    count = len(target)
    shuffled = torch.randperm(count, generator=generator)
    order = shuffled[target.to(generator.device)[shuffled].argsort(stable=True)]
    window = min(WINDOW * (list_size - 1), count - 1)
    place = torch.arange(count)
    start = (place - window // 2).clamp(0, count - 1 - window)
    steps = torch.cat([torch.zeros(1, dtype=torch.int64), 1 + torch.randperm(window, generator=generator)])[:list_size]
    lists = torch.empty(count, len(steps), dtype=torch.int64)
    lists[order] = order[start[:, None] + ((place - start)[:, None] + steps) % (window + 1)]
    return lists


def hard_lists(score: Tensor, target: Tensor, list_size: int, generator: torch.Generator) -> Tensor:
    """Lists of a node and others of those whose rank by score is farthest from that by label, a quarter of all.

    Args:
        score: (n,) predicted so far.
        target: (n,) labels.
        list_size: nodes in a list, at least 2; at most n are used.
        generator: source of randomness; the result is on its device.

    Returns:
        (n, min(list_size, n)) long; column 0 is the node itself.

    Example:
        >>> target = torch.arange(100.0)
        >>> score = torch.cat([target[:90], -target[90:]])  # the last ten are ranked wrong
        >>> lists = hard_lists(score, target, 5, torch.Generator().manual_seed(0))
        >>> lists[:, 0].tolist() == list(range(100))
        True
    """
    count = len(target)
    error = (_ranks(score) - _ranks(target)).abs().to(generator.device)
    shuffled = torch.randperm(count, generator=generator)
    most = max(min(list_size, count), round(HARD * count))
    hard = shuffled[error[shuffled].argsort(descending=True, stable=True)[:most]]
    hard = hard[torch.randperm(len(hard), generator=generator)]  # a circle, on which each list begins somewhere
    place = torch.randint(len(hard), (count,), generator=generator)
    place[hard] = torch.arange(len(hard))
    steps = 1 + torch.randperm(len(hard) - 1, generator=generator)[: list_size - 1]
    others = hard[(place[:, None] + steps) % len(hard)]
    return torch.cat([torch.arange(count)[:, None], others], dim=1)


def _ranks(values: Tensor) -> Tensor:
    return values.detach().argsort(stable=True).argsort()
