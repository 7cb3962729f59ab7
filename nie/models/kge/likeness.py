"""Vectors for entities that training has never met, from those of entities with similar features."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nie.errors import NieError

ROWS_AT_A_TIME = 1024


def placed_by_likeness(
    vectors: Tensor, features: Tensor, trained: Tensor, placed: Tensor, *, neighbours: int = 10,
    temperature: float = 0.1,
) -> Tensor:  # fmt: skip
    r"""Put each new entity where the trained entities with the most similar features stand.

    .. math:: e_i = \Big(\sum_j w_{ij} \|e_j\|\Big) \frac{v_i}{\|v_i\|}, \quad v_i = \sum_j w_{ij} e_j, \quad
              w_{ij} = \mathrm{softmax}_j(\cos(x_i, x_j) / \tau)

    over the k trained entities j of the highest cosine. A mean is shorter than the vectors that it is the mean of, and
    so nearer to all others than any of them; that is why it is given the length of its neighbours.

    Args:
        vectors: (N, D) of all entities.
        features: (N, d), standardised, such as sentence embeddings.
        trained: (N,) bool, entities to take as neighbours; they keep their vectors.
        placed: (N,) bool, entities to place.
        neighbours: k, or all where there are fewer.
        temperature: :math:`\tau`.

    Returns:
        (N, D), new, with other rows for ``placed``.

    Raises:
        NieError: no neighbour, or an entity that is both trained and to be placed.

    Example:
        >>> vectors = torch.tensor([[2.0, 0.0], [0.0, 4.0], [9.0, 9.0]])
        >>> features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> new = torch.tensor([False, False, True])
        >>> placed_by_likeness(vectors, features, ~new, new, neighbours=1)[2].tolist()
        [0.0, 4.0]
    """
    if (trained & placed).any():
        raise NieError("placed must not name entities that are trained, because these have their place.")
    if not trained.any():
        raise NieError("No entity is trained, so there is no neighbour to be placed by.")
    units, table = F.normalize(features[trained], dim=1), vectors[trained]
    lengths, new = table.norm(dim=1), vectors.clone()
    for ids in torch.split(placed.nonzero()[:, 0], ROWS_AT_A_TIME):
        cosines = F.normalize(features[ids], dim=1) @ units.T
        nearest, rows = cosines.topk(min(neighbours, cosines.shape[1]), dim=1)
        weights = (nearest / temperature).softmax(dim=1)
        mean = (weights[:, :, None] * table[rows]).sum(dim=1)
        new[ids] = F.normalize(mean, dim=1) * (weights * lengths[rows]).sum(dim=1, keepdim=True)
    return new
