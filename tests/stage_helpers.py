"""A small dataset on disk and small settings, for tests of whole stages."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from downstream.answers.trained import TrainedRun
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from nie.__main__ import main
from nie.data import KnowledgeGraph, synthetic
from nie.data.store import save
from nie.runs.run import Run
from pretrain.licap import pretrain
from pretrain.stage import PRETRAINING

SMALL: dict[str, Any] = {
    "dataset": "synthetic",
    "features": {"structural": "structural", "semantic": "semantic"},
    "folds": {"run": [0, 1]},
    "optim": {"max_epochs": 6},
}


def small(method: str, **changes: Any) -> ImportanceConfig:
    """The small settings that a method of stage 2 knows, with ``changes``."""
    known = {key: value for key, value in SMALL.items() if key in METHODS[method].settings.model_fields}
    return IMPORTANCE.recipes.resolve(overrides={**known, "method": method, **changes})


def opened(root: Path, method: str, **changes: Any) -> TrainedRun:
    """A network trained with the small settings on the stored graph under ``root``, ready to be asked."""
    return TrainedRun.open(estimate(small(method, **changes), data_root=root, run_root=root / "runs"), data_root=root)


def pretrained_on(root: Path, **changes: Any) -> Run:
    """A run of stage 1 on the first fold of the stored graph under ``root``, of one epoch."""
    settings = {**SMALL, "folds": {"run": [0]}, "optim": {"max_epochs": 1}, "loss": {"gamma": 0.2}, **changes}
    return pretrain(PRETRAINING.recipes.resolve(overrides=settings), data_root=root, run_root=root / "runs")


SMALL_FLAGS = [
    "--features.structural", "structural", "--features.semantic", "semantic", "--folds.run", "0,1",
    "--optim.max_epochs", "6",
]  # fmt: skip


def run_quietly(command: list[str], data: Path, runs: Path) -> tuple[int, str, str]:
    """Run a command of nie; its exit code and what it prints on both streams."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
        code = main([*command, "--data-root", str(data), "--run-root", str(runs), "--quiet"])
    return code, out.getvalue(), error.getvalue()


def store_synthetic(root: Path, seed: int = 0) -> KnowledgeGraph:
    """Store the synthetic graph under ``root`` and return it."""
    kg = synthetic(seed)
    save(kg, root / kg.name / "processed")
    return kg


def with_labels(kg: KnowledgeGraph, labels: np.ndarray[Any, Any]) -> KnowledgeGraph:
    """The same graph with other labels."""
    names = ("name", "src", "dst", "etype", "label_mask", "node_names", "relation_names", "text", "channels", "meta")
    return KnowledgeGraph(labels=labels, **{name: getattr(kg, name) for name in names})
