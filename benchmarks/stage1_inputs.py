"""What features LICAP's encoder should be fed with: raw, scaled, centred, with a constant, with degrees.

    python benchmarks/stage1_inputs.py --dataset fb15k --seeds 0 1 --out rows.csv

For each way of feeding the structural channel (`FEEDS`) the encoder is pretrained on one fold for `EPOCHS` epochs at a
constant rate. Every tenth epoch the embedding is judged on the fold's validation nodes: Spearman of a ridge regression
on it (`pretrain.probe`). A row has the probe of the features themselves, of the untrained encoder's embedding, of the
epoch of least contrast (which is LICAP's own choice), of the best epoch, and of the last one. Test nodes play no part.
Rows are appended to ``--out`` as they are made, and what is there is not made again.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from downstream.studies.settings import Settings
from nie.arrays import Array
from nie.data import Channel
from pretrain.cross_validation import Fold
from pretrain.encoder_training import train_encoder
from pretrain.inputs import NodeInputs, prepare
from pretrain.licap_settings import LicapConfig
from pretrain.probe import probe_of

EPOCHS, EVERY = 400, 10
COLUMNS = (
    "feed", "objective", "encoder", "rate", "seed", "features", "untrained", "by contrast", "contrast", "its epoch",
    "best", "best epoch", "last", "own 1 drawn", "own 2 drawn", "own 1", "own 2",
)  # fmt: skip


def rms(rows: Array) -> float:
    """Root of the mean square of all entries."""
    return float(np.sqrt(np.mean(rows**2)))


def centred(rows: Array) -> Array:
    """The rows without their mean."""
    return rows - rows.mean(axis=0)


def with_column(rows: Array, column: Array | float) -> Array:
    """The rows with one more column."""
    return np.column_stack([rows, np.broadcast_to(column, len(rows))])


def without_direction(rows: Array) -> Array:
    """The rows without their part along the direction of their mean, whose length differs by node."""
    unit = rows.mean(axis=0) / np.linalg.norm(rows.mean(axis=0))
    return rows - np.outer(rows @ unit, unit)


def standardised(rows: Array) -> Array:
    """Every column with zero mean and unit variance."""
    return centred(rows) / rows.std(axis=0)


FEEDS: dict[str, Callable[[Array, Array], Array]] = {
    "raw": lambda x, degree: x,
    "raw / 4": lambda x, degree: x / 4,
    "raw x 4": lambda x, degree: 4 * x,
    "columns over their RMS": lambda x, degree: x / np.sqrt((x**2).mean(axis=0)),
    "rows of one length": lambda x, degree: x / np.linalg.norm(x, axis=1, keepdims=True) * np.sqrt(x.shape[1]) * rms(x),
    "centred": lambda x, degree: centred(x),
    "centred + constant": lambda x, degree: with_column(centred(x), np.linalg.norm(x.mean(axis=0))),
    "mean direction removed": lambda x, degree: without_direction(x),
    "standardised": lambda x, degree: standardised(x),
    "standardised, scale of raw": lambda x, degree: rms(x) * standardised(x),
    "standardised, scale of raw / 4": lambda x, degree: rms(x) / 4 * standardised(x),
    "standardised + log degree": lambda x, degree: standardised(with_column(x, degree)),
    "raw + log degree": lambda x, degree: with_column(x, degree),
    "raw + log degree, scaled": lambda x, degree: with_column(x, rms(x) * standardised(degree[:, None])[:, 0]),
}


def on_themselves(model: torch.nn.Module, inputs: NodeInputs, feat: torch.Tensor) -> dict[str, float]:
    """The mean weight that nodes give themselves, by their self-loops, in the head of layer 1 that gives most, and in
    layer 2.
    """
    graph, etype = inputs.message.graph, inputs.message.etype
    loops = etype == inputs.message.num_relations - 1
    with torch.no_grad():
        first = model.hidden.attention(graph, feat, model.relations, etype).flatten(1)
        hidden = torch.nn.functional.elu(model.hidden(graph, feat, model.relations, etype).flatten(1))
        second = model.output.attention(graph, hidden, model.relations, etype).flatten(1)
    return {"own 1": float(first[loops].mean(dim=0).max()), "own 2": float(second[loops].mean())}


def measured(
    config: LicapConfig, inputs: NodeInputs, fold: Fold, feed: str, degree: Array
) -> dict[str, str | int | float]:
    """One row: what came of pretraining on a way of feeding."""
    raw = np.concatenate([part.features for part in inputs.channels["structural"]], axis=1).astype(np.float64)
    fed = FEEDS[feed](raw, degree).astype(np.float32)
    own = replace(inputs, channels={"structural": (Channel(fed, np.ones(len(fed), bool)),)}, _made={})
    with tempfile.TemporaryDirectory() as folder:
        model, _, history = train_encoder(config, own, fold, "structural", Path(folder), feed)
        untrained = config.model_copy(update={"loss": config.loss.model_copy(update={"objective": "untrained"})})
        drawn, before, _ = train_encoder(untrained, own, fold, "structural", Path(folder) / "untrained", feed)
    probe = probe_of(own.kg.targets, fold)
    rows, objective = [row for row in history.rows if "probe" in row], config.loss.name
    least, best = min(rows, key=lambda row: row[objective]), max(rows, key=lambda row: row["probe"])
    return {
        "feed": feed,
        "objective": config.loss.objective,
        "encoder": "residual" if config.model.residual else "as published",
        "rate": f"{config.optim.lr:g}",
        "seed": config.seed,
        "features": probe(fed),
        "untrained": probe(before),
        "by contrast": least["probe"],
        "contrast": least[objective],
        "its epoch": int(least["epoch"]),
        "best": best["probe"],
        "best epoch": int(best["epoch"]),
        "last": rows[-1]["probe"],
        **{f"{name} drawn": value for name, value in on_themselves(drawn, own, torch.from_numpy(fed)).items()},
        **on_themselves(model, own, torch.from_numpy(fed)),
    }


def main() -> None:
    """Measure every way of feeding that ``--out`` lacks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="fb15k")
    parser.add_argument("--data-root", default="datasets")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--feeds", nargs="+", choices=FEEDS, default=list(FEEDS))
    parser.add_argument("--objectives", nargs="+", default=["licap"])
    parser.add_argument("--residual", action="store_true", help="an encoder that sees a node's own features")
    parser.add_argument("--rate", type=float, default=0.005, help="learning rate; the default is the published one")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    optim = {"max_epochs": EPOCHS, "patience": EPOCHS, "eval_every": EVERY}
    config = Settings(arguments.dataset).licap(channels=("structural",), select="probe", optim=optim)
    inputs = prepare(config, data_root=arguments.data_root)
    fold, degree = inputs.folds[arguments.fold], np.log1p(inputs.message.graph.in_degrees().numpy().astype(float))
    done: list[tuple[str, ...]] = []
    if arguments.out.exists():
        with arguments.out.open(newline="") as file:
            done = [tuple(row[name] for name in COLUMNS[:5]) for row in csv.DictReader(file)]
    with arguments.out.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if not done:
            writer.writeheader()
        encoder = "residual" if arguments.residual else "as published"
        for objective, seed, feed in itertools.product(arguments.objectives, arguments.seeds, arguments.feeds):
            if (feed, objective, encoder, f"{arguments.rate:g}", str(seed)) in done:
                continue
            changes = {
                "loss": {"objective": objective},
                "model": {"residual": arguments.residual},
                "optim": {"lr": arguments.rate},
                "seed": seed,
            }
            own = config.model_copy(
                update={
                    name: getattr(config, name).model_copy(update=value) if isinstance(value, dict) else value
                    for name, value in changes.items()
                }
            )
            row = measured(own, inputs, fold, feed, degree)
            writer.writerow({key: f"{value:.4f}" if isinstance(value, float) else value for key, value in row.items()})
            file.flush()
            print(row, flush=True)


if __name__ == "__main__":
    main()
