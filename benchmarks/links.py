"""Training throughput of RotatE, ours and PyKEEN's: same triples, dimensions, negatives, loss and optimizer, in turns.

python benchmarks/links.py db15k

PyKEEN is measured where it is installed (``pip install pykeen``), in an environment of its own as a rule. It draws
negatives for every triple apart and filters them, as does our second row; the first row is what recipes train with.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
from collections.abc import Callable

import torch
from machine import describe
from measure import seconds
from tabulate import tabulate

from downstream.stages.links.inputs import LinkInputs
from downstream.stages.links.loss import LinkStep
from downstream.stages.links.model import build_model
from downstream.stages.links.settings import LinkConfig


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dataset", nargs="?", default="db15k")
    parser.add_argument("--data-root", default="datasets")
    parser.add_argument("--size", type=int, default=256, help="complex dimensions")
    parser.add_argument("--negatives", type=int, default=256, help="a triple")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=8, help="a turn")
    parser.add_argument("--repeat", type=int, default=5, help="turns")
    options = parser.parse_args()
    machine = describe("cpu")
    contestants: dict[str, Callable[[], object]] = {}
    for name, sharing in (
        ("nie, negatives shared by the batch, both ends", "batch"),
        ("nie, negatives apart", "triple"),
    ):
        contestants[name] = _ours(options, sharing)
    if importlib.util.find_spec("pykeen"):
        contestants["PyKEEN"] = _pykeen(options)
    else:
        print("PyKEEN is not installed here (pip install pykeen), so only our own rows follow.\n")
    for turn in contestants.values():  # kernels are compiled and graphs prepared
        turn()
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(options.repeat):
        for name, turn in contestants.items():
            taken[name].append(seconds(turn))
    triples = options.steps * options.batch_size
    rows = []
    for name, times in taken.items():
        ratios = [other / own for other, own in zip(taken.get("PyKEEN", []), times, strict=False)]
        times_pykeen = f"{sorted(ratios)[len(ratios) // 2]:.2f}" if ratios else "—"
        rows.append([name, f"{triples / sorted(times)[len(times) // 2]:,.0f}", times_pykeen])
    print(
        f"{options.dataset}: {options.size} complex dimensions, {options.negatives} negatives a triple, batches of "
        f"{options.batch_size}; medians of {options.repeat} turns of {options.steps} steps; "
        f"{machine['threads']} threads, commit {machine['git_commit'][:8]}\n"
    )
    print(tabulate(rows, ["RotatE", "triples a second", "times PyKEEN"], tablefmt="github", disable_numparse=True))


def _ours(options: argparse.Namespace, sharing: str) -> Callable[[], object]:
    config = LinkConfig.model_validate({
        "dataset": options.dataset,
        "batch_size": options.batch_size,
        "model": {"size": options.size},
        "negatives": {"count": options.negatives, "sharing": sharing, "corruption": "bernoulli"},
    })  # fmt: skip
    inputs = LinkInputs.of(config, data_root=options.data_root)
    model = build_model(config, inputs)
    step = LinkStep(config, inputs, model, torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def turn() -> None:
        for batch in torch.split(_triples(options, inputs), options.batch_size):
            optimizer.zero_grad(set_to_none=True)
            step(batch).backward()
            optimizer.step()

    return turn


def _pykeen(options: argparse.Namespace) -> Callable[[], object]:
    models, losses, training, triples = (
        importlib.import_module(f"pykeen.{name}") for name in ("models", "losses", "training", "triples")
    )
    inputs = LinkInputs.of(LinkConfig(dataset=options.dataset), data_root=options.data_root)
    sizes = {"num_entities": inputs.kg.num_nodes, "num_relations": inputs.kg.num_relations}
    factory = triples.CoreTriplesFactory(_triples(options, inputs), **sizes)
    model = models.RotatE(
        triples_factory=factory, embedding_dim=options.size,
        loss=losses.NSSALoss(margin=9.0, adversarial_temperature=1.0, reduction="mean"),
    )  # fmt: skip
    loop = training.SLCWATrainingLoop(
        model=model, triples_factory=factory, optimizer=torch.optim.Adam(model.parameters(), lr=1e-3, fused=True),
        automatic_memory_optimization=False,  # its search for a batch size is not part of training
        negative_sampler="bernoulli", negative_sampler_kwargs={"num_negs_per_pos": options.negatives, "filtered": True},
    )  # fmt: skip
    epochs = itertools.count(1)

    def turn() -> None:
        # PyKEEN trains up to the epoch of a number, and does nothing if it has reached that already.
        number = next(epochs)
        losses_so_far = loop.train(
            triples_factory=factory, num_epochs=number, continue_training=number > 1, batch_size=options.batch_size,
            use_tqdm=False, use_tqdm_batch=False,
        )  # fmt: skip
        assert len(losses_so_far) == number

    return turn


def _triples(options: argparse.Namespace, inputs: LinkInputs) -> torch.Tensor:
    return inputs.train[: options.steps * options.batch_size]


if __name__ == "__main__":
    main()
