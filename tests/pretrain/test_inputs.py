"""pretrain.inputs."""

from pathlib import Path

import pytest
from stage_helpers import SMALL, store_synthetic

from downstream.stages.importance import IMPORTANCE
from nie.errors import NieError
from pretrain.cross_validation import fold_seed
from pretrain.inputs import inputs_key, prepare
from pretrain.stage import PRETRAINING


def prepared(root: Path, **changes: object):
    store_synthetic(root)
    return prepare(IMPORTANCE.recipes.resolve(overrides={**SMALL, **changes}), data_root=root)


def test_everything_a_fold_needs(tmp_path: Path) -> None:
    inputs = prepared(tmp_path)
    assert set(inputs.channels) == {"structural", "semantic"}
    assert [feature.features.shape[1] for feature in inputs.channels["structural"]] == [
        4,
        2,
    ]  # its features, its degrees
    assert len(inputs.channels["semantic"]) == 1
    assert len(inputs.folds) == 5
    assert inputs.message.graph.num_edges() == inputs.kg.num_edges + inputs.kg.num_nodes


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("loops", [False, True])
def test_the_message_graph_follows_the_settings(inverse: bool, loops: bool, tmp_path: Path) -> None:
    inputs = prepared(tmp_path, graph={"inverse_relations": inverse, "self_loops": loops})
    expected = inputs.kg.num_edges * (1 + inverse) + inputs.kg.num_nodes * loops
    assert inputs.message.graph.num_edges() == expected


def test_a_fold_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="fold 7, but there are folds 0 to 4"):
        prepared(tmp_path, folds={"run": [7]})


@pytest.mark.cuda
def test_the_graph_stays_on_the_cpu(tmp_path: Path) -> None:
    inputs = prepared(tmp_path, device="cuda")
    assert inputs.device.type == "cuda"
    assert inputs.message.etype.device.type == "cuda"
    assert inputs.message.graph.device.type == "cpu"


def test_folds_and_seeds_give_distinct_seeds() -> None:
    assert len({fold_seed(seed, fold) for seed in range(10) for fold in range(10)}) == 100


def test_one_line_says_which_features_are_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="nie"):
        prepared(tmp_path, features={"structural": "structural+relations", "semantic": "semantic"})
    said = [message for message in caplog.messages if "features are" in message]
    assert said == ["synthetic: structural features are structural, relations, degrees; semantic features are semantic"]


def test_inputs_of_a_stage_that_makes_features_of_labels_are_not_those_of_one_that_does_not() -> None:
    """The first leaves them out until a fold is worked on; the second refuses them, and would not see them there."""
    licap = PRETRAINING.recipes.resolve(overrides={"dataset": "synthetic"})
    ridge = IMPORTANCE.recipes.resolve(overrides={"dataset": "synthetic", "method": "ridge"})
    ridge = ridge.model_copy(update={name: getattr(licap, name) for name in ("graph", "features", "folds")})
    assert (licap.reads_training_labels, ridge.reads_training_labels) == (False, True)
    assert inputs_key(licap) == inputs_key(ridge)
    of_labels = {"features": licap.features.model_copy(update={"structural": "node2vec+neighbour-labels"})}
    assert inputs_key(licap.model_copy(update=of_labels)) != inputs_key(ridge.model_copy(update=of_labels))
