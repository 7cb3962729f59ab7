"""What each fusion of channels costs: a forward and a backward pass on random tokens, in turns in one process.

python benchmarks/fusions.py
"""

from __future__ import annotations

import argparse

import torch
from machine import describe
from measure import Step, interleave, ratio, summary
from tabulate import tabulate
from torch import Tensor

from nie.layers import FUSIONS, ChannelFusion


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=14_951, help="as many as FB15K has")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=10, help="turns")
    options = parser.parse_args()
    machine = describe("cpu")
    torch.manual_seed(0)
    shape = (options.nodes, options.channels, options.size)
    tokens, logvar = (torch.randn(shape, requires_grad=True) for _ in range(2))
    mask = torch.rand(shape[:2]) < 0.8
    layers = {name: ChannelFusion(name, options.size, options.channels) for name in FUSIONS}
    steps = {name: _step(layer, tokens, mask, logvar) for name, layer in layers.items()}
    times = interleave(steps, options.repeat)
    rows = [
        [
            name,
            sum(parameter.numel() for parameter in layers[name].parameters()),
            *(summary(taken)[f"{part}_ms"] for part in ("forward", "backward", "total")),
            ratio(taken.total, times["concat"].total),
        ]
        for name, taken in times.items()
    ]
    print(
        f"{shape[0]:,} nodes, {shape[1]} channels of {shape[2]} values, one in five missing; "
        f"{machine['threads']} threads, commit {machine['git_commit'][:8]}\n"
    )
    headers = ["fusion", "parameters", "forward ms", "backward ms", "both ms", "times concat"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=("", ",.0f", ".1f", ".1f", ".1f", ".2f")))


def _step(layer: ChannelFusion, tokens: Tensor, mask: Tensor, logvar: Tensor) -> Step:
    return Step(lambda: [layer(tokens, mask, logvar=logvar).vector], [tokens, *layer.parameters()])


if __name__ == "__main__":
    main()
