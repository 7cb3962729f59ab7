"""pretrain.embeddings: an embedding never meets another fold, dataset or graph size."""

from pathlib import Path

import numpy as np
import pytest

from downstream.stages.importance import IMPORTANCE
from nie.data import KnowledgeGraph, synthetic
from nie.errors import NieError
from nie.runs.files import write_array, write_json
from nie.runs.run import open_run
from pretrain.cross_validation import binding, make_folds
from pretrain.embeddings import read_embeddings
from pretrain.stage import PRETRAINING

KG = synthetic(0)
FOLD = make_folds(KG.label_mask)[0]


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    config = PRETRAINING.recipes.resolve(overrides={"dataset": KG.name})
    run = open_run(config, root=tmp_path, made_from={"dataset_sha256": KG.digest})
    with run.fold(0) as folder:
        write_array(folder / "semantic" / "embeddings.npy", np.ones((KG.num_nodes, 4), np.float32))
        write_json(folder / "metrics.json", {"binding": binding(KG, FOLD), "channels": ["semantic"]})
    return run.path


def test_what_was_written_is_read_for_its_own_fold(run_path: Path) -> None:
    channels = read_embeddings(run_path, KG, FOLD)
    assert list(channels) == ["semantic"]
    assert channels["semantic"].features.shape == (KG.num_nodes, 4)
    assert channels["semantic"].mask.all()


def test_another_fold_of_the_same_number_is_refused(run_path: Path) -> None:
    other = make_folds(KG.label_mask, seed=1)[0]
    with pytest.raises(NieError, match="another fold"):
        read_embeddings(run_path, KG, other)


def test_another_dataset_is_refused(run_path: Path) -> None:
    other = synthetic(1)
    with pytest.raises(NieError, match="another version of the dataset"):
        read_embeddings(run_path, other, FOLD)
    fields = {name: getattr(KG, name) for name in ("src", "dst", "etype", "labels", "label_mask", "node_names",
                                                   "relation_names", "text")}  # fmt: skip
    with pytest.raises(NieError, match="another dataset"):
        read_embeddings(run_path, KnowledgeGraph(name="else", **fields), FOLD)


def test_a_fold_that_was_not_run_is_named(run_path: Path) -> None:
    with pytest.raises(NieError, match="no finished fold 1"):
        read_embeddings(run_path, KG, make_folds(KG.label_mask)[1])


def test_a_damaged_file_is_named(run_path: Path) -> None:
    path = run_path / "fold0" / "semantic" / "embeddings.npy"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(NieError, match=r"embeddings.npy is missing or damaged"):
        read_embeddings(run_path, KG, FOLD)
    write_array(path, np.ones((3, 4), np.float32))
    (run_path / "fold0" / "DONE").write_bytes(b"")  # as of a fold from before folds had digests
    with pytest.raises(NieError, match=r"shape \(3, 4\)"):
        read_embeddings(run_path, KG, FOLD)


@pytest.mark.parametrize("channels", [{}, {"channels": []}])
def test_a_fold_that_names_no_channel_is_damaged(run_path: Path, channels: dict[str, list[str]]) -> None:
    (run_path / "fold0" / "DONE").write_bytes(b"")  # as of a fold from before folds had digests
    write_json(run_path / "fold0" / "metrics.json", {"binding": binding(KG, FOLD), **channels})
    with pytest.raises(NieError, match=r"metrics.json is missing or damaged"):
        read_embeddings(run_path, KG, FOLD)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="not a run directory"):
        read_embeddings(tmp_path, KG, FOLD)


def test_a_stage_2_run_is_told_from_a_pretrained_one(tmp_path: Path) -> None:
    run = open_run(IMPORTANCE.recipes.resolve(overrides={"dataset": KG.name}), root=tmp_path)
    with run.fold(0) as folder:
        write_json(folder / "metrics.json", {"binding": binding(KG, FOLD)})
    with pytest.raises(NieError, match="a run of the stage downstream, and a run of the stage pretrain is needed"):
        read_embeddings(run.path, KG, FOLD)
