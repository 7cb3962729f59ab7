"""A fold's things are made once: counted over the main job, and over a method that reads no features."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stage_helpers import SMALL_FLAGS, store_synthetic

import downstream.methods.fold_features
import downstream.methods.fold_work
import downstream.metrics.fold_judge
import downstream.stages.runner
import nie.data.message_passing
import nie.inputs.relations
import nie.inputs.tensors
import pretrain.contrast_sets
import pretrain.inputs
from downstream.methods.fold_network import FoldNetwork
from downstream.metrics.fold_judge import FoldJudge
from downstream.stages.runner import Runner
from downstream.studies.main_job import main_job, settings_of_flags
from nie.__main__ import main
from nie.runs.provenance import git_commit
from nie.training.neighbourhood import NeighbourSampler


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each thing is made from here on."""
    counts: Counter[str] = Counter()

    def count(
        what: str, owner: Any, name: str, when: Callable[..., bool] = lambda *_arguments, **_options: True
    ) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            counts[what] += when(*arguments, **options)
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counted)

    for module in (downstream.stages.runner, pretrain.inputs):
        count("graph", module, "load")
    count("features of a channel", pretrain.inputs, "named_features")
    count("message graph", nie.data.message_passing, "message_graph")
    count("features of a fold", downstream.methods.fold_work, "fold_channels")
    count("embeddings of a fold", downstream.methods.fold_features, "read_embeddings")
    count("judge", FoldJudge, "__init__")
    count("borders of tiers", downstream.metrics.fold_judge, "tier_borders")
    count("network of a fold", FoldNetwork, "of")
    count("text of relations", nie.inputs.relations, "relation_features")
    count("context of relations", nie.inputs.relations, "_context")
    count("sampler", NeighbourSampler, "__init__")
    count("contrast sets", pretrain.contrast_sets, "draw_sets")
    count("standardised input", nie.inputs.tensors, "input_tensor")
    count("git query", subprocess, "run", lambda command, **_options: command[0] == "git")
    git_commit.cache_clear()
    return counts


def test_the_main_job_makes_everything_as_often_as_it_is_needed(made: Counter[str], tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    runner = Runner(data_root=tmp_path / "data", run_root=tmp_path / "runs")
    main_job("synthetic", preset="quick", settings=settings_of_flags(SMALL_FLAGS), minutes=60, runner=runner)
    folds = channels = stages = 2  # each stage feeds its networks in its own way
    inputs = 3  # of stage 2: PageRank's have no channel, two tables read neighbours, too, all other rows share theirs
    rows, networks, pretrained = 9, 2, 1
    judges = inputs * folds + folds  # the latter before the job, to see that they can choose epochs
    assert made == {
        "graph": 1,
        "features of a channel": (stages + 1) * channels,  # and those with neighbours
        "message graph": stages,
        "features of a fold": rows * folds,
        "embeddings of a fold": pretrained * folds,
        "judge": judges,
        "borders of tiers": judges,
        "network of a fold": (networks + pretrained) * folds,
        "contrast sets": folds,
        "standardised input": channels + 1 + pretrained * folds,  # raw: those of networks, and the one that LICAP reads
        "git query": 1,
    }


def test_a_method_of_the_graph_alone_computes_no_features(made: Counter[str], tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    roots = ["--data-root", str(tmp_path / "data"), "--run-root", str(tmp_path / "runs"), "--quiet"]
    command = ["downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "pagerank", "--folds.run", "0,1"]
    assert main([*command, "--features.semantic", "minilm", *roots]) == 0
    assert made == {"graph": 1, "features of a fold": 2, "judge": 2, "borders of tiers": 2, "git query": 1}


def test_members_share_what_a_fold_has_and_folds_share_relations(made: Counter[str], tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    roots = ["--data-root", str(tmp_path / "data"), "--run-root", str(tmp_path / "runs"), "--quiet"]
    shared = [*SMALL_FLAGS[:-1], "2", "--model.relations.text", "tfidf", "--model.relations.context_weight", "0.2"]
    command = ["--recipe", "fast", "--dataset", "synthetic", *shared, *roots]
    assert main(["downstream", *command, "--members", "2", "--loss.tier_weight", "1"]) == 0
    assert made == {
        "graph": 1,
        "features of a channel": 2,
        "message graph": 1,
        "features of a fold": 2,
        "judge": 2,
        "borders of tiers": 2,
        "network of a fold": 2,
        "text of relations": 1,
        "context of relations": 1,
        "standardised input": 2,
        "git query": 1,
    }
    made.clear()
    assert main(["pretrain", *command]) == 0
    # Of each channel for both folds, as the context is made of the channel; no step is sampled without batches.
    assert (made["text of relations"], made["context of relations"], made["sampler"]) == (1, 1, 0)
