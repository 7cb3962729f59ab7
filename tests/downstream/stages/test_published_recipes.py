"""The recipes of the papers' own settings, value by value against what the published programs pass; and the choice.

The programs are GRAPH-0/RGTN-NIE (RGTN, KDD 2021) and zhangtia16/LICAP (LICAP, TNNLS 2024).
"""

from __future__ import annotations

from typing import Any

import pytest

from downstream.stages.importance import IMPORTANCE
from downstream.stages.links.stage import LINKS
from downstream.studies.settings import Settings
from nie.__main__ import main
from nie.errors import NieError
from nie.settings.recipes import Recipes
from pretrain.stage import PRETRAINING

PAPERS = ("fb15k", "tmdb5k", "ga16k", "imdb")
NO_LISTS = {"loss.listwise_weight": 0.0}
RAW: dict[str, Any] = {
    "features.degrees": False, "features.standardize": False, "features.structural": "auto",
    "graph.inverse_relations": False, "graph.self_loops": True, "folds.num_folds": 5, "folds.seed": 0, "seed": 0,
}  # fmt: skip
TRAINED: dict[str, Any] = {
    **RAW, "centre_labels": False, "optim.schedule": "constant", "optim.eval_every": 1, "select_value": None,
    "loss.importance": "mse", "loss.tier_weight": 0.0, "shown_labels": 0.0, "members": 1, "batch.fanout": -1,
}  # fmt: skip
TO_THE_END = {"optim.lr": 0.005, "optim.weight_decay": 5e-4, "optim.max_epochs": 10_000, "optim.patience": 1000}
RGTN: dict[str, Any] = {
    **TRAINED, "model.feat_drop": 0.3, "model.ffn_drop": 0.3, "model.residual": True, "model.mode": "mul",
    "model.activation": "leaky_relu", "model.centrality_scale": False, "model.fusion": "co_attention",
    "model.head": "channels", "model.channel_drop": 0.0, "loss.list_size": 100, "select": "spearman",
    "optim.clip_norm": None,
}  # fmt: skip
TRAIN_TWO = {  # train_two.sh, and the defaults of two_branch/two_branch_train.py
    **RGTN, **TO_THE_END, "model.num_heads": 8, "model.head_size": 8, "model.num_layers": 2, "model.rel_size": 10,
    "model.attn_drop": 0.3, "loss.listwise_weight": 0.3, "batch.size": None,
}  # fmt: skip
TRAIN_TWO_BATCH = {  # train_two_batch.sh, and the defaults of two_branch/two_branch_batch_train.py
    **TRAIN_TWO, "model.rel_size": 16, "loss.channel_weight": 0.7, "loss.listwise_weight": 0.6, "batch.size": 2048,
    "optim.lr": 0.001, "optim.max_epochs": 200, "optim.patience": 50,
}  # fmt: skip
RGTN_DOWNSTREAM = {  # LICAP: README.md, and the defaults of downstream/rgtn_downstream.py
    **RGTN, **TO_THE_END, "model.num_heads": 4, "model.head_size": 1, "model.num_layers": 3, "model.rel_size": 10,
    "model.attn_drop": 0.0, "loss.channel_weight": 0.5, "loss.listwise_weight": 0.3, "batch.size": None,
}  # fmt: skip
GENI: dict[str, Any] = {  # GENI/geni.py and GENI/SA_layer.py of both programs
    **TRAINED, **NO_LISTS, "model.num_heads": 4, "model.hidden_size": None, "model.rel_size": 10,
    "model.feat_drop": 0.3, "model.hidden_drop": 0.0, "model.attn_drop": 0.0, "model.negative_slope": 0.2,
    "model.layer_activation": "elu", "optim.clip_norm": None,
}  # fmt: skip
SCALED = {"model.centrality_scale": True, "model.scale_heads": True, "model.activation": "leaky_relu"}
TRAIN_GENI = {  # train_geni.sh, and the defaults of GENI/geni_train.py
    **GENI, **TO_THE_END, **SCALED, "model.num_layers": 3, "features.semantic": "none", "select": "spearman",
}  # fmt: skip
TRAIN_GENI_BATCH = {  # train_geni_batch.sh, and the defaults of GENI/geni_batch_train.py
    **TRAIN_GENI, "model.num_layers": 2, "batch.size": 2048, "optim.lr": 0.001, "optim.max_epochs": 200,
    "optim.patience": 50,
}  # fmt: skip
GENI_DOWNSTREAM = {  # LICAP: the defaults of downstream/geni_downstream.py
    **GENI, **TO_THE_END, "model.num_layers": 3, "model.centrality_scale": False, "model.activation": "linear",
    "select": "rmse",
}  # fmt: skip
TWO_CONVOLUTIONS: dict[str, Any] = {  # LICAP: downstream/{gcn,graphsage,rgcn}_downstream.py
    **TRAINED, **TO_THE_END, **NO_LISTS, "model.hidden_size": 64, "model.num_layers": 2, "model.feat_drop": 0.0,
    "model.readout": "convolution", "optim.clip_norm": 10.0, "select": "rmse",
}  # fmt: skip
PREGAT_PRETRAIN = {  # LICAP: the defaults of pretrain/pregat_pretrain_{struct,semantic}.py
    **RAW, "channels": ("structural",), "model.num_heads": 8, "model.head_size": 8, "model.structural_size": 64,
    "model.semantic_size": 128, "model.rel_size": 10, "model.use_relations": True, "model.feat_drop": 0.0,
    "model.attn_drop": 0.0, "model.negative_slope": 0.01, "loss.gamma": 0.1, "loss.temperature": 0.05,
    "loss.eta1": 1.0, "loss.eta2": 1.0, "loss.sampling": "top_first", "batch.size": None, "optim.lr": 0.005,
    "optim.weight_decay": 5e-4, "optim.max_epochs": 1000, "optim.patience": 20, "optim.clip_norm": 10.0,
    "optim.schedule": "constant", "optim.eval_every": 1,
}  # fmt: skip
FACTS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("fb15k", "published-rgtn", "rgtn", {**TRAIN_TWO, "loss.channel_weight": 0.8}),
    ("tmdb5k", "published-rgtn", "rgtn", {**TRAIN_TWO, "loss.channel_weight": 0.5}),
    ("ga16k", "published-rgtn", "rgtn", {**TRAIN_TWO, "loss.channel_weight": 0.5}),
    ("imdb", "published-rgtn", "rgtn", TRAIN_TWO_BATCH),
    ("fb15k", "published-rgtn", "geni", TRAIN_GENI),
    ("tmdb5k", "published-rgtn", "geni", TRAIN_GENI),
    ("ga16k", "published-rgtn", "geni", TRAIN_GENI),
    ("imdb", "published-rgtn", "geni", TRAIN_GENI_BATCH),
    *((dataset, "published-rgtn", method, NO_LISTS)
      for dataset in PAPERS for method in ("mlp", "gcn", "graphsage", "gat", "sgc", "rgcn")),
    *((dataset, "published-licap", method, facts) for dataset in PAPERS for method, facts in {
        "rgtn": RGTN_DOWNSTREAM,
        "geni": GENI_DOWNSTREAM,
        "gcn": {**TWO_CONVOLUTIONS, "model.norm": "none"},  # baseline_models/gcn.py adds neighbours up
        "graphsage": TWO_CONVOLUTIONS,
        "rgcn": {**TWO_CONVOLUTIONS, "model.norm": "none", "model.num_bases": None},  # dgl.nn.RelGraphConv's defaults
        "linear": {**RAW, "features.semantic": "none"},  # downstream/supervised_downstream.py
        "mlp": {**TRAINED, **NO_LISTS, "features.semantic": "none", "model.hidden_size": 100, "model.num_layers": 1,
                "model.feat_drop": 0.0, "batch.size": 200, "optim.lr": 0.001, "optim.max_epochs": 200},
        "sgc": {**TRAINED, **TO_THE_END, **NO_LISTS, "optim.clip_norm": 10.0, "select": "rmse"},
    }.items()),
]  # fmt: skip


def value_of(config: Any, name: str) -> Any:
    for part in name.split("."):
        config = getattr(config, part)
    return config


@pytest.mark.parametrize(("dataset", "profile", "method", "facts"), FACTS, ids=lambda value: str(value)[:20])
def test_stage_2_has_the_values_of_the_programs(dataset: str, profile: str, method: str, facts: dict[str, Any]) -> None:
    config = Settings(dataset, profile).method(method)
    assert {name: value_of(config, name) for name in facts} == facts
    assert config.dataset == dataset


@pytest.mark.parametrize("dataset", PAPERS)
def test_stage_1_has_the_values_of_the_program_in_both_profiles(dataset: str) -> None:
    configs = [Settings(dataset, f"published-{program}").licap() for program in ("rgtn", "licap")]
    assert configs[0] == configs[1]
    facts = {**PREGAT_PRETRAIN, "loss.width": 0.5 if dataset == "tmdb5k" else 1.0}  # utils/licap_utils.py
    assert {name: value_of(configs[0], name) for name in facts} == facts


@pytest.mark.parametrize("dataset", PAPERS)
def test_the_text_is_ours_where_nie_builds_the_graph_and_the_papers_where_it_is_imported(dataset: str) -> None:
    for program in ("rgtn", "licap"):
        text = Settings(dataset, f"published-{program}").method("rgtn").features.semantic
        assert text == ("minilm" if dataset in ("fb15k", "tmdb5k") else "auto")


def test_a_profile_has_a_recipe_of_its_own_or_shares_that_of_its_first_word_or_the_general_one() -> None:
    assert IMPORTANCE.recipes.own("fb15k", "published-rgtn") == "fb15k-published-rgtn"
    assert PRETRAINING.recipes.own("fb15k", "published-rgtn") == "fb15k-published"
    assert IMPORTANCE.recipes.own("fb15k", "fast") == "fb15k-fast"
    assert IMPORTANCE.recipes.own("mykg", "fast") == "fast"
    assert LINKS.recipes.own("mykg", "study") == "study"


@pytest.mark.parametrize(
    ("recipes", "dataset", "profile", "there"),
    [
        (IMPORTANCE.recipes, "geo", "published-rgtn", "best, fast, quick"),
        (IMPORTANCE.recipes, "fb15k", "published", "best, fast, published-licap, published-rgtn, quick"),
        (PRETRAINING.recipes, "geo", "published-licap", "best, fast, quick"),
        (IMPORTANCE.recipes, "../x" * 100, "../fast", "best, fast, quick"),
    ],
)
def test_a_profile_that_a_dataset_has_not_is_refused_with_those_that_it_has(
    recipes: Recipes[Any], dataset: str, profile: str, there: str
) -> None:
    with pytest.raises(
        NieError, match=rf"^There are no settings of the profile .{{1,40}} for .{{1,80}}; use {there}\.$"
    ):
        recipes.own(dataset, profile)


@pytest.mark.parametrize("command", [["study", "main", "geo"], ["search", "rgtn", "geo"]])
def test_the_command_line_takes_the_profiles(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--profile", "published-rgtn"]) == 2
    assert "There are no settings of the profile 'published-rgtn' for 'geo'" in capsys.readouterr().err


@pytest.mark.parametrize("dataset", ["fb15k", "tmdb5k"])
def test_published_rows_have_figures_and_a_source(dataset: str) -> None:
    for row in IMPORTANCE.recipes.reported(dataset).values():
        assert row.keys() <= {"rmse", "medianae", "spearman", "ndcg@100", "over@100", "source"}
        assert row["source"]
        assert "±" in row["spearman"]
