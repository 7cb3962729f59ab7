"""pretrain.snapshots: pretraining that begins on what was known of a graph on earlier days."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import SMALL

import pretrain.licap
from nie.data import KnowledgeGraph, synthetic
from nie.data.store import save
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.inputs import prepare
from pretrain.snapshots import snapshots_of
from pretrain.stage import PRETRAINING

DAY = "2007-12-31"


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    """A graph whose nodes come in 2005 to 2009, a fifth in each year."""
    plain = synthetic(0)
    return replace(plain, node_dates=[f"{2005 + node % 5}-03-01" for node in range(plain.num_nodes)])


def settings(**changes: Any) -> Any:
    given = {
        **SMALL, "folds": {"run": [0]}, "channels": ["structural"], "loss": {"gamma": 0.2}, "optim": {"max_epochs": 4},
        **changes,
    }  # fmt: skip
    return PRETRAINING.recipes.resolve(overrides=given)


def run(kg: KnowledgeGraph, root: Path, **changes: Any) -> Run:
    save(kg, root / "data" / kg.name / "processed")
    return pretrain.licap.pretrain(settings(**changes), data_root=root / "data", run_root=root / "runs")


def embedding(made: Run, part: str = "") -> Any:
    return np.load(made.path / "fold0" / "structural" / part / "embeddings.npy")


def test_a_snapshot_is_what_was_known_on_the_day(kg: KnowledgeGraph, tmp_path: Path) -> None:
    config = settings(snapshots={"dates": ["2005-12-31", DAY]})
    inputs = prepare(config, data_root=tmp_path, kg=kg)
    first, second = snapshots_of(config, inputs, inputs.folds[0])
    years = np.arange(kg.num_nodes) % 5 + 2005
    assert (first.date, second.date) == ("2005-12-31", DAY)
    for snapshot, last in ((first, 2005), (second, 2007)):
        assert (years[snapshot.fold.train] <= last).all()
        assert set(snapshot.fold.train) == {node for node in inputs.folds[0].train if years[node] <= last}
        ends = np.concatenate([snapshot.inputs.kg.src, snapshot.inputs.kg.dst])
        assert (years[ends] <= last).all()
        assert (years[snapshot.known] <= last).all()
        assert snapshot.inputs.message.num_relations == inputs.message.num_relations
        assert snapshot.inputs.message.graph.num_edges() < inputs.message.graph.num_edges()


def test_what_came_later_reaches_no_encoder_of_the_day_and_labels_of_test_nodes_none(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    config = settings(snapshots={"dates": [DAY]})
    fold = prepare(config, data_root=tmp_path, kg=kg).folds[0]
    labels = kg.labels.copy()
    labels[fold.test] = labels[fold.test][::-1] + 3
    one = run(kg, tmp_path / "a", snapshots={"dates": [DAY]})
    other = run(replace(kg, labels=labels), tmp_path / "b", snapshots={"dates": [DAY]})
    np.testing.assert_array_equal(embedding(one), embedding(other))


def test_every_way_of_learning_from_the_day_before_gives_another_embedding(kg: KnowledgeGraph, tmp_path: Path) -> None:
    pulled = {"dates": [DAY], "warm_start": False, "temporal_weight": 1.0}
    ways: list[dict[str, Any]] = [{}, {"dates": [DAY]}, pulled, {**pulled, "shuffled": True}]
    made = [embedding(run(kg, tmp_path, snapshots=way)) for way in ways]
    for number, one in enumerate(made):
        for other in made[number + 1 :]:
            assert not np.array_equal(one, other)


def test_temporal_positives_keep_nodes_where_they_were(kg: KnowledgeGraph, tmp_path: Path) -> None:
    """The more they weigh, the more nodes point where they did; towards others' places they are not pulled so."""

    def cosine(**further: Any) -> float:
        days = {"dates": [DAY], "warm_start": False, **further}
        config = settings(snapshots=days, optim={"max_epochs": 30, "lr": 0.01})
        seen = []
        train = pretrain.encoder_training.train_encoder

        def spied(*arguments: Any, **named: Any) -> Any:
            seen.append(train(*arguments, **named))
            return seen[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pretrain.encoder_training.train_encoder", spied)
            inputs = prepare(config, data_root=tmp_path, kg=kg)
            folder = tmp_path / str(further)
            pretrain.encoder_training.pretrain_channel(config, inputs, inputs.folds[0], "structural", folder)
        known = next(snapshots_of(config, inputs, inputs.folds[0])).known
        before, after = (made / np.linalg.norm(made, axis=1, keepdims=True) for _, made, _ in seen)
        return float((before * after).sum(axis=1)[known].mean())

    kept = cosine(temporal_weight=10.0)
    assert kept > cosine(temporal_weight=0.01) + 0.1
    assert kept > cosine(temporal_weight=10.0, shuffled=True) + 0.1


def test_the_cost_is_that_of_all_encoders(kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, seen = pretrain.encoder_training.train_encoder, []

    def spied(*arguments: Any, **named: Any) -> Any:
        seen.append(train(*arguments, **named))
        return seen[-1]

    monkeypatch.setattr("pretrain.encoder_training.train_encoder", spied)
    timing = run(kg, tmp_path, snapshots={"dates": [DAY]}, cross_fit=2).timing(0)
    histories = [history for _, _, history in seen]
    assert len(histories) == 6  # on either day the whole encoder and those of two parts
    assert timing["train_seconds"] == pytest.approx(sum(one.train_seconds for one in histories))
    assert timing["seconds_per_epoch"] == pytest.approx(histories[1].train_seconds / histories[1].epochs)


@pytest.mark.parametrize("stop", [2, 6])
def test_a_run_that_ends_on_either_day_goes_on_to_the_same_bits(
    stop: int, kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four epochs on either day; what was done before the end is not done again, but for the epoch that was cut."""
    days = {"dates": [DAY], "temporal_weight": 1.0}
    whole = run(kg, tmp_path / "whole", snapshots=days)
    monkeypatch.setattr("nie.training.loop.CHECKPOINT_EVERY_S", 0.0)
    train, started = pretrain.encoder_training.fit, 0

    def interrupted(model: Any, losses: Any, *arguments: Any, **named: Any) -> Any:
        def until_then() -> Any:
            nonlocal started
            started += 1
            if started == stop:
                raise KeyboardInterrupt
            return losses()

        return train(model, until_then, *arguments, **named)

    monkeypatch.setattr("pretrain.encoder_training.fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(kg, tmp_path / "again", snapshots=days)
    assert len(list((tmp_path / "again").rglob("checkpoint.pt"))) == (1 if stop <= 4 else 2)
    again = run(kg, tmp_path / "again", snapshots=days)
    assert started == 8 + 1
    for name in ("embeddings.npy", "model.safetensors", "curves.csv"):
        files = [made.path / "fold0" / "structural" / name for made in (whole, again)]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert not list((tmp_path / "again").rglob("*checkpoint*"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"snapshots": {"dates": ["yesterday"]}}, "dates must be days such as 2001-05-16"),
        ({"snapshots": {"dates": [DAY, DAY]}}, "each later than the one before"),
        ({"snapshots": {"dates": [DAY], "warm_start": False}}, "change nothing without warm_start and temporal_weight"),
        ({"snapshots": {"temporal_weight": 1.0}}, "name it in snapshots.dates"),
        ({"snapshots": {"dates": [DAY], "shuffled": True}}, "shuffled is the control of temporal_weight"),
        ({"snapshots": {"dates": [DAY]}, "loss": {"objective": "untrained"}}, "untrained does not train"),
        ({"snapshots": {"dates": [DAY], "temporal_weight": 1.0}, "batch": {"size": 60}}, "temporal_weight reads the"),
        ({"snapshots": {"dates": ["1999-12-31"]}}, "No training node of fold 0 had a label on 1999-12-31"),
        ({"snapshots": {"dates": [DAY]}, "undated": True}, "has no dates; give node_dates"),
        (
            {"snapshots": {"dates": ["2005-12-31"]}, "loss": {"gamma": 0.01}},
            "Of 2005-12-31, a day of snapshots.dates: Fold 0",
        ),
    ],
)
def test_snapshots_that_cannot_be_had_are_one_sentence(
    kg: KnowledgeGraph, changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    changes = dict(changes)
    if changes.pop("undated", False):
        kg = replace(kg, node_dates=None)
    with pytest.raises(NieError, match=said):
        run(kg, tmp_path, **changes)
    assert not (tmp_path / "runs").exists()
