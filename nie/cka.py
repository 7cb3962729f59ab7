"""How alike two representations of the same nodes are, by centred kernel alignment."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nie.errors import NieError


def linear_cka(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> float:
    r"""Linear CKA of two representations, from 0 (nothing in common) to 1 (equal up to rotation and scale).

    .. math:: \mathrm{CKA}(X, Y) = \frac{\lVert Y^T X \rVert_F^2}{\lVert X^T X \rVert_F \, \lVert Y^T Y \rVert_F}

    with the mean of every column taken off. Kornblith et al., ICML 2019, section 3. It needs O(N·d²) time.

    Args:
        ours: (N, d), a row for each node.
        theirs: (N, e), of the same nodes.

    Returns:
        The alignment; nan where all rows of one side are equal.

    Raises:
        NieError: not two tables of the same nodes.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> rotated = 2 * x @ np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]) + 7
    >>> round(linear_cka(x, rotated), 6)
    1.0
    """
    first, second = (np.asarray(each, dtype=np.float64) for each in (ours, theirs))
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second):
        raise NieError(f"CKA compares (N, d) with (N, e) of the same nodes; got {first.shape} and {second.shape}.")
    first, second = (each - each.mean(axis=0) for each in (first, second))
    norms = np.linalg.norm(first.T @ first) * np.linalg.norm(second.T @ second)
    if norms == 0:
        return float("nan")
    return float(np.linalg.norm(second.T @ first) ** 2 / norms)
