"""nie.data.builders.openke."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nie.__main__ import main
from nie.data import build, load
from nie.data.builders.openke import FILES, db15k, mkg_w, openke
from nie.data.store import read, save
from nie.errors import NieError

WHOLE = {
    "entity": "3\n<http://dbpedia.org/resource/New_York> 0\nhttp://www.wikidata.org/entity/Q60\t2\n<a/Ann> 1\n",
    "relation": "2\nr/born 0\nr/lives 1\n",
    "train": "2\n0 1 1\n1 2 0\n",
    "valid": "5\n2 0 1\n2 0 1\n0 1 1\n1 0 0\n2 1 0\n",
    "test": "1\n1 0 0\n",
}


def write(folder: Path, **changes: str) -> Path:
    for kind, text in {**WHOLE, **changes}.items():
        (folder / FILES[kind]).write_text(text)
    return folder


def test_the_relation_is_last_and_leaks_are_dropped(tmp_path: Path) -> None:
    kg = db15k(write(tmp_path))
    assert kg.triples.tolist() == [[0, 1, 1], [1, 0, 2]]
    assert kg.held_out["test"].tolist() == [[1, 0, 0]]
    assert kg.held_out["valid"].tolist() == [[2, 1, 0], [2, 0, 1]]
    assert kg.meta["notes"] == {
        "valid_repeated": 1,
        "valid_in_train": 1,
        "valid_in_test": 1,
        "valid_dropped": 3,
        "test_in_train": 0,
    }
    assert list(kg.text) == ["New York", "Ann", None]
    assert not kg.label_mask.any()


def test_the_splits_are_stored(tmp_path: Path) -> None:
    kg = db15k(write(tmp_path))
    save(kg, tmp_path / "store")
    again = read(tmp_path / "store")
    assert again.digest == kg.digest
    for name in ("valid", "test"):
        np.testing.assert_array_equal(again.held_out[name], kg.held_out[name])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train": "3\n0 1 1\n1 2 0\n"}, "the first line says 3, but 2 lines follow"),
        ({"train": "0\n"}, "train2id.txt is empty"),
        ({"test": "x\n1 0 0\n"}, "line 1 must be the number of lines that follow; got 'x'"),
        (
            {"train": "2\n0 1 1\n1 3 0\n"},
            r"line 3: '1 3 0' does not fit 3 entities and 2 relations when the columns are head, tail, relation\.$",
        ),
        ({"train": "\n\n2\n0 1 1\n\n1 3 0\n"}, "line 6: '1 3 0' does not fit"),
        ({"train": "2\n\n0 1 1\n1 2\n"}, "line 4 must be the ids of"),
        ({"entity": "2\na 0\n\nb 0\n"}, "line 4: the id 0 appears twice"),
        ({"train": "2\n0 1 2\n1 0 2\n"}, "does not fit .*; --columns head,relation,tail would fit"),
        ({"train": "2\n0 1 1\n1 2\n"}, "line 3 must be the ids of head, tail, relation; got '1 2'"),
        ({"train": "9" * 5000}, "line 1 must be the number of lines that follow; got '9"),
        ({"train": "1\n0 1 1_0\n"}, "line 2 must be the ids of .* got '0 1 1_0'"),
        ({"relation": "2\na 0\nb 100000000\n"}, "a name and an id below 2; got 'b 100000000'"),
        ({"entity": "1\na\x07 0\n"}, r"line 2: the name 'a\\x07' holds the control letter U\+0007"),
        ({"train": "1\n0 x 1\n"}, "line 2 must be the ids of .* got '0 x 1'"),
        ({"entity": "2\na 0\nb 0\n"}, "line 3: the id 0 appears twice"),
        ({"entity": "2\na 0\nb 5\n"}, "a name and an id below 2"),
        ({"train": "1\n0 1 99999999999999999999999\n"}, "line 2 must be the ids of .* got '0 1 9{23}'"),
        ({"entity": "2\na 0\na 1\n"}, "the name 'a' has two ids"),
        ({"test": ""}, "test2id.txt is empty"),
        ({"valid": "1\n0 1 1\n"}, "none is left to validate on"),
    ],
)
def test_malformed_files(changes: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(NieError, match=words):
        db15k(write(tmp_path, **changes))


def test_columns_in_another_order(tmp_path: Path) -> None:
    usual = openke("mine", write(tmp_path))
    swapped = {key: "\n".join(" ".join(line.split()[place] for place in (0, 2, 1)) if " " in line else line
               for line in WHOLE[key].splitlines()) for key in ("train", "valid", "test")}  # fmt: skip
    assert openke("mine", write(tmp_path, **swapped), columns="head,relation,tail").digest == usual.digest
    with pytest.raises(NieError, match="leave '-' out"):
        openke("mine", tmp_path, columns="-,head,relation,tail")


def test_an_order_that_fits_by_chance_is_doubted(tmp_path: Path) -> None:
    """As many relations as entities, so that every id fits in every column."""
    names = "60\n" + "".join(f"n{i} {i}\n" for i in range(60))
    rows = [(i, (i * 7 + 1) % 30) for i in range(30)]
    right = "60\n" + "".join(f"{head} {tail} {relation}\n" for head, tail in rows for relation in (head + 30, 50))
    wrong = "60\n" + "".join(f"{head} {relation} {tail}\n" for head, tail in rows for relation in (head + 30, 50))
    files = {"entity": names, "relation": names, "valid": "1\n40 41 7\n", "test": "1\n42 43 7\n"}
    assert openke("mine", write(tmp_path, **files, train=right)).num_edges == 60
    with pytest.raises(
        NieError, match=r"train2id.txt: 30 of the 30 relations are heads too, .* --columns head,relation"
    ):
        openke("mine", write(tmp_path, **files, train=wrong))
    assert openke("mine", tmp_path, columns="head,tail,relation").num_edges == 60


def test_joined_files_and_their_marks(tmp_path: Path) -> None:
    usual = db15k(write(tmp_path))
    marked = {kind: text.replace("\n", "\n\ufeff", 1) for kind, text in WHOLE.items()}
    assert db15k(write(tmp_path, **marked)).digest == usual.digest


@pytest.mark.raw
@pytest.mark.skipif(not os.environ.get("NIE_RAW_DIR"), reason="needs the raw files (NIE_RAW_DIR)")
def test_the_real_graphs_have_their_counts(tmp_path: Path) -> None:
    raw = Path(os.environ["NIE_RAW_DIR"])
    kg = db15k(raw / "db15k")
    assert (kg.num_nodes, kg.num_relations, kg.num_edges, len(kg.held_out["test"])) == (12842, 279, 79222, 9902)
    notes = kg.meta["notes"]
    assert notes["valid_repeated"] == 9904 - 7481
    assert (notes["valid_in_train"], notes["valid_in_test"]) == (6584, 824)
    kg = mkg_w(raw / "mkg-w")
    assert (kg.num_nodes, kg.num_relations, kg.num_edges) == (15000, 169, 34196)
    assert len(kg.held_out["test"]) == 4274


def test_test_triples_of_training_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kg = db15k(write(tmp_path, test="2\n1 0 0\n0 1 1\n"))
    assert kg.meta["notes"]["test_in_train"] == 1
    assert "1 of 2 test triples stand in train" in caplog.text


def test_a_graph_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "raw").mkdir()
    write(tmp_path / "raw")
    given = ["--data-root", str(tmp_path / "data")]
    assert main(["data", "build", "mine", "--raw", str(tmp_path / "raw"), *given]) == 0
    kg = load("mine", tmp_path / "data")
    assert kg.num_edges == 2
    assert kg.meta["licence"] == "your own"
    assert main(["data", "build", "mine", "--raw", str(tmp_path), *given]) == 2
    assert "entity2id.txt does not exist" in capsys.readouterr().err


def test_building_by_name(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    built = build("mkg-w", tmp_path / "data", raw=write(tmp_path / "raw"))
    assert load("mkg-w", tmp_path / "data").digest == built.digest
