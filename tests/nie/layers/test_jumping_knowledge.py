"""nie.layers.jumping_knowledge."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reference.graphs import normal

from nie.errors import NieError
from nie.layers.jumping_knowledge import JumpingKnowledge

LAYERS = [normal(7, 3, seed=seed) for seed in range(3)]


@pytest.mark.parametrize("kind", ["last", "max", "concat"])
def test_each_kind_reads_the_first_nodes_of_all_layers(kind: Any) -> None:
    jump = JumpingKnowledge(3, 3, kind).double()
    made = jump([LAYERS[0], LAYERS[1][:6], LAYERS[2][:5]])
    first = [layer[:5] for layer in LAYERS]
    expected = {
        "last": lambda: first[2],
        "max": lambda: torch.maximum(torch.maximum(first[0], first[1]), first[2]),
        "concat": lambda: sum(
            layer @ part.T for layer, part in zip(first, jump.mix.weight.split(3, dim=1), strict=True)
        ),
    }[kind]()
    torch.testing.assert_close(made, expected)
    assert (sum(parameter.numel() for parameter in jump.parameters()) == 27) == (kind == "concat")


def test_another_kind_is_refused() -> None:
    with pytest.raises(NieError, match="did you mean 'concat'"):
        JumpingKnowledge(3, 2, "concatt")  # type: ignore[arg-type]
