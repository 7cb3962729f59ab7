"""downstream.stages.links.prediction, .triple_groups and .placement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from link_helpers import TINY, ring, ring_of_many
from safetensors.torch import load_file

from downstream.stages.links.inputs import LinkInputs
from downstream.stages.links.known_triples import KnownTriples
from downstream.stages.links.model import trained_model
from downstream.stages.links.prediction import predict_links
from downstream.stages.links.settings import LinkConfig
from downstream.stages.links.split import with_held_out
from downstream.stages.links.stage import LINKS
from downstream.stages.links.triple_groups import groups_of
from downstream.stages.links.unseen_entities import highest_scores
from nie.__main__ import main
from nie.data import Channel, KnowledgeGraph, synthetic
from nie.data.store import save
from nie.errors import NieError
from nie.models.kge import RotatE
from nie.models.kge.rotation import SIDES
from nie.runs.files import read_json
from nie.training import loop as fit

TEXT = {"channels": {"text": "tfidf"}}
RESUMED: list[dict[str, Any]] = [
    {},
    {
        **TEXT,
        "model": {"size": 8, "fusion": "cross_modal_transformer", "extract_after": 3, "channel_drop": 0.3},
        "negatives": {"count": 5, "sharing": "triple"},
    },
    {"model": {"size": 8, "relations": {"text": "tfidf", "learned": False}}, "hold_out_relations": 0.2},
]


@pytest.mark.parametrize("changes", RESUMED, ids=["rotate", "extractor", "zero-shot"])
def test_a_run_that_was_killed_ends_as_if_it_had_not_been(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring_of_many(tmp_path / "data")
    monkeypatch.setattr(fit, "CHECKPOINT_EVERY_S", 0.0)
    settings = config(optim={"lr": 0.05, "max_epochs": 6, "eval_every": 2, "patience": 9}, **changes)
    whole = predict_links(settings, data_root=tmp_path / "data", run_root=tmp_path / "whole")
    saved, save_state = [], fit._State.save

    def save_and_die(state: Any, path: Path) -> None:
        save_state(state, path)
        saved.append(path)
        if len(saved) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(fit._State, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        predict_links(settings, data_root=tmp_path / "data", run_root=tmp_path / "killed")
    monkeypatch.setattr(fit._State, "save", save_state)
    again = predict_links(settings, data_root=tmp_path / "data", run_root=tmp_path / "killed")
    for name in ("metrics.json", "ranks.npy", "model.safetensors"):
        assert (again.fold_path(0) / name).read_bytes() == (whole.fold_path(0) / name).read_bytes()


def test_a_graph_without_splits_is_split(tmp_path: Path) -> None:
    kg = synthetic(0)
    save(kg, tmp_path / "data" / "synthetic" / "processed")
    settings = config(dataset="synthetic", hold_out=0.1, optim={"max_epochs": 2, "eval_every": 1})
    run = predict_links(settings, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    held = round(0.1 * len(np.unique(kg.triples, axis=0)))
    assert np.load(run.fold_path(0) / "ranks.npy").shape == (held, 2)
    split = with_held_out(kg, 0.1, 0)
    assert split.held_out["valid"].shape == (held, 3)
    train = {tuple(row) for row in split.triples.tolist()}
    assert not train & {tuple(row) for name in ("valid", "test") for row in split.held_out[name].tolist()}
    assert set(split.held_out["test"][:, [0, 2]].ravel()) <= set(split.triples[:, [0, 2]].ravel())
    assert set(split.held_out["test"][:, 1]) <= set(split.etype)
    np.testing.assert_array_equal(with_held_out(kg, 0.1, 0).held_out["test"], split.held_out["test"])
    assert not np.array_equal(with_held_out(kg, 0.1, 1).held_out["test"], split.held_out["test"])


def test_too_few_triples_to_hold_any_out() -> None:
    kg = KnowledgeGraph("two", [0, 1], [1, 0], [0, 1], [np.nan] * 2, [False] * 2, ["a", "b"], ["r", "s"], [None] * 2)
    with pytest.raises(NieError, match="The graph two is too small to hold triples out"):
        with_held_out(kg, 0.4, 0)


def test_a_small_valid_split_is_filled_from_training(tmp_path: Path) -> None:
    kg = ring(tmp_path)
    before = len(kg.held_out["valid"])
    more = with_held_out(kg, 0.05, 0, valid_at_least=before + 7)
    valid = more.held_out["valid"]
    np.testing.assert_array_equal(valid[:before], kg.held_out["valid"])
    np.testing.assert_array_equal(more.held_out["test"], kg.held_out["test"])
    moved = np.concatenate([more.triples, valid[before:]])
    np.testing.assert_array_equal(np.unique(moved, axis=0), np.unique(kg.triples, axis=0))
    assert with_held_out(kg, 0.05, 0, valid_at_least=before) is kg
    with pytest.raises(NieError, match=r"can spare .* valid_at_least 100000 asks for"):
        with_held_out(kg, 0.05, 0, valid_at_least=100_000)


def test_channels_help_entities_that_training_never_saw(tmp_path: Path) -> None:
    kg = ring(tmp_path / "data")
    hidden = (kg.src == 5) | (kg.dst == 5)
    angle = 2 * np.pi * np.arange(40) / 40
    place = Channel(np.stack([np.cos(angle), np.sin(angle)], axis=1), np.ones(40, bool))
    tests = np.concatenate([kg.held_out["test"], kg.triples[hidden]])
    save(
        replace(
            kg, src=kg.src[~hidden], dst=kg.dst[~hidden], etype=kg.etype[~hidden], channels={"place": place},
            held_out={"valid": kg.held_out["valid"], "test": tests},
        ),
        tmp_path / "data" / "links" / "processed",
    )  # fmt: skip
    optim = {"lr": 0.02, "max_epochs": 120, "eval_every": 20, "patience": 120}
    found = []
    for changes in ({}, {"channels": {"place": "place"}, "model": {"size": 8, "channel_drop": 0.4}}):
        run = predict_links(config(optim=optim, **changes), data_root=tmp_path / "data", run_root=tmp_path / "runs")
        found.append(read_json(run.fold_path(0) / "metrics.json")["test"]["mrr, unseen entity"])
    assert found[1] > 2 * found[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": {"fusion": "sum"}}, "need channels"),
        ({"channels": {"text": "tfidf"}, "loss": {"auxiliary": "info_nce"}}, "model.projection_size must be given"),
        ({"channels": {"text": "tfidf"}, "loss": {"adversarial_weight": 1.0}}, "model.generator must be given"),
        ({"channels": {"text": "tfidf"}, "model": {"extract_after": 5}}, "with another, leave it at 0"),
        ({"model": {"relations": {"context_weight": 0.1}}}, "give both or none"),
        (
            {"channels": {"text": "tfidf"}, "model": {"relations": {"text": "tfidf"}}},
            "serves RotatE without channels alone",
        ),
        ({"hold_out_relations": 0.1}, "needs relations of text alone"),
        (
            {"channels": {"text": "tfidf"}, "model": {"fusion": "relation_guided", "fusion_settings": {"a": 1}}},
            "has no settings",
        ),
    ],
)
def test_settings_that_do_not_fit(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        config(**changes)


def config(**changes: Any) -> LinkConfig:
    return LINKS.recipes.resolve(overrides={**TINY, **changes})


def test_it_learns_a_ring_and_keeps_what_it_finished(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ring(tmp_path / "data")
    settings = config(optim={"lr": 0.05, "max_epochs": 150, "eval_every": 10, "patience": 150}, negatives={"count": 40})
    run = predict_links(settings, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    figures = read_json(run.fold_path(0) / "metrics.json")
    assert figures["test"]["mrr"] > 0.4  # by chance 0.1
    assert figures["ties"]["optimistic"] >= figures["test"]["mrr"] >= figures["ties"]["pessimistic"]
    assert figures["parts"]["without rdf:type"]["triples"] == 12
    assert np.load(run.fold_path(0) / "ranks.npy").shape == (12, 2)
    before = (run.fold_path(0) / "metrics.json").stat().st_mtime_ns
    predict_links(settings, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    assert (run.fold_path(0) / "metrics.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"negatives": {"count": 20, "corruption": "bernoulli", "temperature": 0.0}},
        {"negatives": {"count": 5, "sharing": "triple", "corruption": "bernoulli"}},
        {**TEXT, "model": {"size": 8, "fusion": "relation_guided", "channel_drop": 0.3}},
        {
            **TEXT,
            "model": {"size": 8, "fusion": "cross_modal_transformer", "extract_after": 3, "projection_size": 4},
            "loss": {"auxiliary": "info_nce"},
        },
        {
            **TEXT,
            "batch_size": 7,  # the last batch may have one side alone
            "negatives": {"count": 2, "sharing": "triple"},
            "model": {"size": 4},
        },
        {
            **TEXT,
            "negatives": {"count": 5, "sharing": "triple"},
            "model": {"size": 8, "generator": True, "trainable_channels": True},
            "loss": {"adversarial_weight": 0.1},
        },
    ],
)
def test_repetitions_differ_and_are_repeatable(changes: dict[str, Any], tmp_path: Path) -> None:
    ring(tmp_path / "data")
    roots = [tmp_path / "a", tmp_path / "b"]
    settings = config(repeats=(0, 1), **{"optim": {**TINY["optim"], "max_epochs": 4}, **changes})
    runs = [predict_links(settings, data_root=tmp_path / "data", run_root=root) for root in roots]
    ranks = [[np.load(run.fold_path(k) / "ranks.npy") for k in (0, 1)] for run in runs]
    np.testing.assert_array_equal(ranks[0], ranks[1])
    assert not np.array_equal(*ranks[0])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring(tmp_path / "data")
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(
        "dataset: links\nmodel: {size: 4}\nnegatives: {count: 9}\noptim: {max_epochs: 2, eval_every: 1}\n"
    )
    roots = ["--data-root", str(tmp_path / "data"), "--run-root", str(tmp_path / "runs")]
    assert main(["link", "--recipe", str(recipe), "--repeats", "0,1", *roots]) == 0
    printed = capsys.readouterr().out
    assert "| rotate   | 0." in printed
    assert "(n=2)" in printed


def test_what_cannot_be_predicted(tmp_path: Path) -> None:
    kg = ring(tmp_path / "data")
    with pytest.raises(NieError, match="has no setting 'literall'"):
        predict_links(
            config(channels={"text": "tfidf"}, model={"fusion": "co_attention", "fusion_settings": {"literall": True}}),
            data_root=tmp_path / "data",
            run_root=tmp_path / "runs",
        )
    assert not (tmp_path / "runs").exists()
    save(
        replace(kg, held_out={**kg.held_out, "test": kg.held_out["test"][:0]}),
        tmp_path / "data" / "links" / "processed",
    )
    with pytest.raises(NieError, match="has no test triples"):
        predict_links(config(), data_root=tmp_path / "data", run_root=tmp_path / "runs")


def test_entities_of_no_training_triple_are_placed_by_likeness(tmp_path: Path) -> None:
    """Entity 40 has the text of entity 7, and the image of nobody."""
    kg = ring(tmp_path / "data")
    text = [f"place number {word}" for word in ("one", "two", "three", "four", "five") for _ in range(8)]
    kg = replace(
        kg, node_names=[*kg.node_names, "e40", "e41"], text=[*text, text[7], None], labels=np.full(42, np.nan),
        label_mask=np.zeros(42, bool), held_out={**kg.held_out, "test": np.array([[40, 0, 8], [41, 0, 8], [3, 0, 4]])},
    )  # fmt: skip
    save(kg, tmp_path / "data" / "links" / "processed")
    roots: dict[str, Any] = {"data_root": tmp_path / "data", "run_root": tmp_path / "runs"}
    placed_settings = config(unseen={"features": "tfidf", "neighbours": 8})
    plain, placed = (predict_links(each, **roots) for each in (config(), placed_settings))
    weights = [load_file(run.fold_path(0) / "model.safetensors") for run in (plain, placed)]
    torch.testing.assert_close(weights[0]["entities"][:40], weights[1]["entities"][:40], rtol=0, atol=0)
    torch.testing.assert_close(weights[0]["entities"][41], weights[1]["entities"][41], rtol=0, atol=0)
    assert not torch.equal(weights[0]["entities"][40], weights[1]["entities"][40])
    handicap = weights[1]["handicap"]
    assert handicap[40] != 0
    assert handicap[torch.arange(42) != 40].abs().max() == 0
    again = trained_model(placed_settings, LinkInputs.of(placed_settings, data_root=tmp_path / "data"), placed, 0)
    assert isinstance(again, RotatE)
    torch.testing.assert_close(again.handicap.cpu(), handicap)


@pytest.mark.parametrize(
    "changes", [{"unseen": {"neighbours": 3}}, {"unseen": {"features": "tfidf"}, "channels": {"text": "tfidf"}}]
)
def test_unseen_needs_features_and_no_channels(changes: dict[str, Any]) -> None:
    with pytest.raises(NieError, match=r"unseen\.features, and no channels"):
        config(**changes)


def test_features_that_no_trained_entity_has_are_refused_before_training(tmp_path: Path) -> None:
    kg = ring(tmp_path)
    apart = (kg.triples[:, [0, 2]] < 30).all(axis=1)
    kept, test = kg.triples[apart], np.concatenate([kg.held_out["test"], kg.triples[~apart]])
    text: list[str | None] = [None] * 30 + kg.text[30:]
    changed = replace(
        kg, src=kept[:, 0], dst=kept[:, 2], etype=kept[:, 1], text=text, held_out={**kg.held_out, "test": test}
    )
    save(changed, tmp_path / "links" / "processed")
    with pytest.raises(NieError, match=r"has the features tfidf of --unseen.features, so that the 10 others"):
        predict_links(config(unseen={"features": "tfidf"}), data_root=tmp_path, run_root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_highest_scores_leave_answers_out() -> None:
    generator = torch.Generator().manual_seed(0)
    table = {side: torch.randn(3, 30, generator=generator) for side in SIDES}
    triples = torch.tensor([[0, 0, 1], [2, 0, 3], [4, 0, 5]])
    known = KnownTriples(triples.numpy(), 30, 1)
    found = highest_scores(lambda _triples, side: table[side], triples, known)
    tails, heads = table["tail"].clone(), table["head"].clone()
    for row, (head, _, tail) in enumerate(triples.tolist()):
        tails[row, tail] = heads[row, head] = torch.nan
    torch.testing.assert_close(found, torch.cat([tails, heads]).nanmean(dim=0))


def test_a_small_graph_has_no_more_negatives_than_entities(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ring(tmp_path / "data")
    caplog.set_level("INFO", logger="nie")
    predict_links(config(negatives={"count": 99}), data_root=tmp_path / "data", run_root=tmp_path / "runs")
    assert "all 40 entities are negatives" in caplog.text


def test_parts_equal_the_loop() -> None:
    generator = np.random.default_rng(0)
    train, test = (
        np.stack([generator.integers(30, size=n), generator.integers(2, size=n), generator.integers(30, size=n)], 1)
        for n in (60, 40)
    )
    names = ["http://www.w3.org/1999/02/22-rdf-syntax-ns#type", "other"]
    groups = groups_of(test, train, names, 31)
    pairs = {(h, t) for h, _, t in train.tolist()} | {(t, h) for h, _, t in train.tolist()}
    for row, (head, relation, tail) in enumerate(test.tolist()):
        degrees = [int((train[:, [0, 2]] == end).sum()) for end in (head, tail)]
        assert groups["without rdf:type"][row] == (relation == 1)
        assert groups["pair not in training"][row] == ((head, tail) not in pairs)
        assert groups["unseen entity"][row] == (min(degrees) == 0)
        assert groups["least degree 1 to 5"][row] == (1 <= min(degrees) <= 5)
        assert groups["relation of 0 to 99 triples"][row]


def test_a_model_with_channels_starts_from_a_finished_rotate(tmp_path: Path) -> None:
    ring(tmp_path / "data")
    roots = {"data_root": tmp_path / "data", "run_root": tmp_path / "runs"}
    short = {"lr": 1e-9, "max_epochs": 2, "eval_every": 2, "patience": 2}
    begun = predict_links(config(optim={**short, "lr": 0.05}), **roots)
    extractor = {"size": 8, "margin": 6.0, "fusion": "cross_modal_transformer"}
    model = {**extractor, "fusion_settings": {"checkpoint": True}}
    run = predict_links(config(**TEXT, model=model, optim=short, start_from=str(begun.path)), **roots)
    first, then = (load_file(one.fold_path(0) / "model.safetensors") for one in (begun, run))
    for name in ("entities", "phases"):
        torch.testing.assert_close(first[name], then[name])
    for changes, words in (
        ({"model": {**extractor, "size": 4}}, "with model.size 4 and free relations"),
        ({"repeats": [1]}, "no finished repetition 1 to start from"),
        ({"seed": 5, "hold_out": 0.2, "valid_at_least": 30}, "of another graph or split"),
    ):
        with pytest.raises(NieError, match=words):
            predict_links(config(**{**TEXT, "model": model, "start_from": str(begun.path), **changes}), **roots)
    placed = predict_links(config(optim=short, unseen={"features": "tfidf"}), **roots)
    with pytest.raises(NieError, match=r"a run without channels and unseen\.features, with model\.size 8"):
        predict_links(config(**TEXT, model=model, start_from=str(placed.path)), **roots)


def test_losses_have_settings_and_embeddings_a_regularization(tmp_path: Path) -> None:
    ring(tmp_path / "data")
    roots = {"data_root": tmp_path / "data", "run_root": tmp_path / "runs"}
    short = {"lr": 0.05, "max_epochs": 2, "eval_every": 2, "patience": 2}
    model = {"size": 8, "projection_size": 4, "fusion": "softmax", "fusion_settings": {"weights": [3, 1], "lr": 0.001}}
    loss = {"auxiliary": "mixed", "auxiliary_settings": {"lambda_mse": 0.3, "temperature": 0.2}, "regularization": 0.5}
    run = predict_links(config(**TEXT, model=model, loss=loss, optim=short), **roots)
    header, row = (line.split(",") for line in (run.fold_path(0) / "curves.csv").read_text().splitlines()[:2])
    figures = dict(zip(header, row, strict=True))
    assert float(figures["structural weight"]) == pytest.approx(0.75, abs=0.01)
    assert float(figures["loss/regularization"]) > 0
    with pytest.raises(NieError, match=r"the auxiliary loss mixed has no setting 'lamda_mse'.*did you mean"):
        config(**TEXT, model=model, loss={**loss, "auxiliary_settings": {"lamda_mse": 0.3}})
    with pytest.raises(NieError, match="temperature must be positive"):
        predict_links(config(**TEXT, model=model, loss={**loss, "auxiliary_settings": {"temperature": -1.0}}), **roots)


def test_relations_have_a_context_of_entities(tmp_path: Path) -> None:
    ring(tmp_path / "data")
    relations = {"context_weight": 0.8, "similarity_weight": 0.2, "learn_weights": True, "literal": True}
    optim = {"lr": 0.05, "max_epochs": 2, "eval_every": 2, "patience": 2}
    settings = config(model={"size": 8, "relations": relations}, relation_context="tfidf", optim=optim)
    run = predict_links(settings, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    assert "context weight" in (run.fold_path(0) / "curves.csv").read_text().splitlines()[0]
