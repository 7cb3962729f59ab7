"""What bfloat16 autocast does to the time of an epoch: LICAP, RGTN, R-GCN and link prediction, in turns in one process.

    OMP_NUM_THREADS=1 python benchmarks/precision.py fb15k --data-root datasets

Each stage is there twice, with the same seed: as it is, and with its network under ``torch.autocast``; losses and
optimizer stay in single precision. On the CPU, seconds are those that the process has computed, not those of the clock,
so that other work on the machine counts little. Link prediction with channels is measured by its own setting,
``model.mixed_precision``. The losses of the last turn say whether both learn alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from machine import describe
from measure import ratio, seconds
from tabulate import tabulate
from torch import Tensor, nn

from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.table import METHODS
from downstream.methods.training_loss import TrainingLoss
from downstream.stages.importance import IMPORTANCE
from downstream.stages.links.inputs import LinkInputs
from downstream.stages.links.loss import LinkStep
from downstream.stages.links.model import build_model
from downstream.stages.links.stage import LINKS
from nie.training.loop import seeded
from nie.training.rates import rate_groups
from pretrain.contrast import Contrast
from pretrain.contrast_sets import contrast_sets
from pretrain.encoder_training import new_encoder
from pretrain.inputs import prepare
from pretrain.objectives import BinContrast
from pretrain.stage import PRETRAINING

FUSIONS = ("sum", "attention", "cross_modal_transformer")
"""Of link prediction: two that are cheap, and the dearest."""


@dataclass
class Contestant:
    """A network in training.

    Attributes:
        model: the network.
        losses: the losses of one epoch.
        lr: learning rate.
        taken: seconds of each turn.
        loss: the mean of the latest turn.
    """

    model: nn.Module
    losses: Callable[[], Iterable[Tensor]]
    lr: float
    taken: list[float] = field(default_factory=list)
    loss: float = 0.0

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.Adam(rate_groups(self.model.train(), self.lr), lr=self.lr, fused=True)

    def epoch(self) -> None:
        """Train for one epoch."""
        values = []
        for loss in self.losses():
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            values.append(loss.item())
        self.loss = statistics.fmean(values)


def licap(dataset: str, data_root: Path, device: str, half: bool) -> Contestant:
    """Stage 1 on the structural channel."""
    config = PRETRAINING.recipes.resolve("fast", overrides={"dataset": dataset, "device": device})
    inputs = prepare(config, data_root=data_root)
    fold, generator = inputs.folds[0], torch.Generator().manual_seed(0)
    feat, model = inputs.tensor(inputs.channels["structural"]), new_encoder(config, inputs, "structural")
    contrast = Contrast.of(contrast_sets(config, inputs, fold), inputs.device, config.loss.repel)
    objective = BinContrast(contrast, config.loss)

    def losses() -> Iterable[Tensor]:
        for _, loss in objective.epoch(None, generator):
            with torch.autocast(device, torch.bfloat16, enabled=half):
                made = inputs.embedding(model, feat)
            yield loss(made.float())

    return Contestant(model, losses, config.optim.lr)


def network(method: str, dataset: str, data_root: Path, device: str, half: bool) -> Contestant:
    """A network of stage 2 on the whole graph."""
    config = IMPORTANCE.recipes.resolve("fast", overrides={"dataset": dataset, "method": method, "device": device})
    assert isinstance(config, NetworkConfig)
    inputs = prepare(config, data_root=data_root)
    given = FoldNetwork.of(FoldWork.of(METHODS[method], config, inputs, inputs.folds[0]))
    model, loss = given.build(), TrainingLoss(given, torch.Generator().manual_seed(0))
    everyone = torch.arange(len(given.train), device=given.train.device)

    def losses() -> Iterable[Tensor]:
        with torch.autocast(device, torch.bfloat16, enabled=half):
            outputs = given.outputs(model, given.feats)
        told = replace(outputs, score=outputs.score.float(), by_channel=outputs.by_channel.float())
        yield loss(told, given.feats, everyone)

    return Contestant(model, losses, config.optim.lr)


def links(fusion: str, dataset: str, data_root: Path, device: str, half: bool) -> Contestant:
    """Link prediction with texts, some steps of it."""
    overrides = {
        "dataset": dataset, "channels": {"text": "tfidf"}, "device": device, "batch_size": 1024,
        "model": {"size": 256, "fusion": fusion, "mixed_precision": half},
    }  # fmt: skip
    config = LINKS.recipes.resolve("rotate", overrides=overrides)
    inputs = LinkInputs.of(config, data_root=data_root)
    model = build_model(config, inputs)
    step = LinkStep(config, inputs, model, torch.Generator().manual_seed(0))
    batches = torch.split(inputs.train, config.batch_size)[:STEPS]
    return Contestant(model, lambda: map(step, batches), config.optim.lr)


STEPS = 3
"""Of link prediction in a turn."""


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", default="fb15k")
    parser.add_argument("--data-root", type=Path, default=Path("datasets"))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeat", type=int, default=7, help="turns")
    parser.add_argument("--of", help="the names, with commas between them, of what to measure; by default all")
    options = parser.parse_args()
    makers: dict[str, Callable[[bool], Contestant]] = {}
    given = options.dataset, options.data_root, options.device
    makers["licap"] = lambda half: licap(*given, half)
    for method in ("rgtn", "rgcn"):
        makers[method] = lambda half, method=method: network(method, *given, half)  # type: ignore[misc]
    for fusion in FUSIONS:
        makers[f"links {fusion}"] = lambda half, fusion=fusion: links(fusion, *given, half)  # type: ignore[misc]
    chosen = makers if options.of is None else {name: makers[name] for name in options.of.split(",")}
    rows = [measured(name, maker, options.repeat, options.device) for name, maker in chosen.items()]
    machine = describe(options.device)
    print(
        f"{options.dataset}: medians of {options.repeat} turns, seconds {'' if options.device == 'cuda' else 'of CPU '}"
        f"in an epoch, of links {STEPS} steps; {machine['device']}, {machine['cpu']}, {machine['threads']} threads, "
        f"commit {machine['git_commit'][:8]}\n"
    )
    headers = ["stage", "float32 s", "bfloat16 s", "times as long", "loss", "loss, bfloat16"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=("", ".3f", ".3f", ".2f", ".4f", ".4f")))


def measured(name: str, maker: Callable[[bool], Contestant], repeat: int, device: str) -> list[str | float]:
    """A row of the table."""
    both = []
    for half in (False, True):
        with seeded(0):
            both.append(maker(half))
    for one in both:  # kernels are compiled and graphs prepared
        one.epoch()
    for turn in range(repeat):
        for one in both if turn % 2 else both[::-1]:
            one.taken.append(seconds(one.epoch) if device == "cuda" else computing(one.epoch))
    whole, half = both
    medians = [statistics.median(one.taken) for one in both]
    return [name, *medians, ratio(half.taken, whole.taken), whole.loss, half.loss]


def computing(function: Callable[[], object]) -> float:
    """The seconds that this process computes in a call."""
    started = time.process_time()
    function()
    return time.process_time() - started


if __name__ == "__main__":
    main()
