from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from nie.data.builders.fb15k import fb15k, fb15k_lp
from nie.errors import NieError

NODES = "mid\tpageviews\tentity_name\twiki_url\tvalid\n"
FILES = {
    "node_infos.tsv": NODES + "/m/a\t10\tAnn_Lee\tu\t1\n/m/b\t0\t\t\t0\n/m/c\t7\tCat\tu\t1\n",
    "fb15k_description.tsv": "node_id\tmid\td\n0\t/m/a\tAnn Lee, singer\n1\t/m/b\t\\N\n2\t/m/c\tCat, animal\n",
    "train.txt": "/m/c\tr2\t/m/a\n/m/a\tr1\t/m/b\n",
    "test.txt": "/m/b\tr3\t/m/b\n",
    "valid.txt": "/m/a\tr1\t/m/c\n",
    "extra/fb-entity2text-new.txt": '/m/c\tCat --\n/m/a\tAnn Lee -- A \\"singer\\"\\nof songs\\\n'
    "/m/b\tBob -- Builder.\n",
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "extra").mkdir()
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_long_text(raw: Path) -> None:
    kg = fb15k(raw)
    assert kg.node_names == ["Ann Lee (/m/a)", "Bob (/m/b)", "Cat (/m/c)"]
    assert kg.text == ['Ann Lee. A "singer" of songs', "Bob. Builder.", "Cat, animal"]
    np.testing.assert_array_equal(kg.labels, [10, np.nan, 7])


def test_short_text(raw: Path) -> None:
    kg = fb15k(raw, text="short")
    assert kg.text == ["Ann Lee, singer", None, "Cat, animal"]
    assert kg.node_names[1] == "/m/b"


def test_edges_are_train_then_test_then_valid(raw: Path) -> None:
    kg = fb15k(raw)
    assert list(kg.relation_names) == ["r2", "r1", "r3"]
    assert list(zip(kg.src, kg.etype, kg.dst, strict=True)) == [(2, 0, 0), (0, 1, 1), (1, 2, 1), (0, 1, 2)]


def test_for_link_prediction_only_training_triples_are_edges(raw: Path) -> None:
    kg, whole = fb15k_lp(raw), fb15k(raw)
    assert kg.name == "fb15k-lp"
    assert kg.triples.tolist() == [[2, 0, 0], [0, 1, 1]]
    assert kg.held_out["test"].tolist() == [[1, 2, 1]]
    assert kg.held_out["valid"].tolist() == [[0, 1, 2]]
    np.testing.assert_array_equal(
        np.concatenate([kg.triples, *[kg.held_out[k] for k in ("test", "valid")]]), whole.triples
    )
    assert kg.digest != whole.digest


def test_packed_files_give_the_same_graph(raw: Path) -> None:
    digest = fb15k(raw).digest
    for name, content in FILES.items():
        (raw / name).unlink()
        (raw / f"{name}.xz").write_bytes(lzma.compress(content.encode()))
    assert fb15k(raw).digest == digest


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("node_infos.tsv", "a\tb\n", r"node_infos.tsv, line 1 must have 5 tab-separated fields; got 2"),
        ("node_infos.tsv", "/m/a\t10\tAnn\tu\t1\n", r"node_infos.tsv, line 1 must be the header"),
        ("node_infos.tsv", "", r"node_infos.tsv, line 1 must be the header"),
        (
            "node_infos.tsv",
            NODES + "/m/a\t-10\tAnn\tu\t1\n",
            r"node_infos.tsv, line 2: the page views must be a number >= 0; got '-10'",
        ),
        (
            "node_infos.tsv",
            NODES + "/m/a\tnan\tAnn\tu\t1\n",
            r"node_infos.tsv, line 2: the page views must be .* got 'nan'",
        ),
        (
            "node_infos.tsv",
            NODES + "/m/a\t1\tAnn\tu\tyes\n",
            r"node_infos.tsv, line 2: the column valid must be 0 or 1; got 'yes'",
        ),
        ("node_infos.tsv", NODES + "/m/a\t1\tA\tu\t1\n" * 2, r"node_infos.tsv, line 3: the entity /m/a appears twice"),
        (
            "node_infos.tsv",
            NODES + "/m/a\t1\tA\tu\t0\n",
            r"node_infos.tsv: at least one entity must have 1 in the column valid",
        ),
        ("train.txt", "/m/a\tr\t/m/z\n", r"train.txt, line 1: the entity '/m/z' is not in node_infos.tsv"),
        ("test.txt", "/m/a\tr\n", r"test.txt, line 1 must have 3 tab-separated fields; got 2"),
        (
            "fb15k_description.tsv",
            "h\th\th\n1\t/m/b\tx\n",
            r"description.tsv, line 2 must be of node 0 /m/a; got node 1 /m/b",
        ),
        ("fb15k_description.tsv", "h\th\th\n0\t/m/a\tx\n", r"describes 1 nodes, but node_infos.tsv has 3"),
        ("extra/fb-entity2text-new.txt", "/m/z\tZed -- z\n", r"text-new.txt, line 1: the entity /m/z is not in"),
    ],
)
def test_malformed(raw: Path, file: str, content: str, words: str) -> None:
    (raw / file).write_text(content)
    with pytest.raises(NieError, match=words):
        fb15k(raw)


def test_no_triples(raw: Path) -> None:
    for file in ("train.txt", "test.txt", "valid.txt"):
        (raw / file).write_text("")
    with pytest.raises(NieError, match=r"train.txt, test.txt, valid.txt hold no triple"):
        fb15k(raw)


@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith("extra/")])
def test_missing(raw: Path, file: str) -> None:
    (raw / file).unlink()
    with pytest.raises(NieError, match=f"{file} does not exist"):
        fb15k(raw)


def test_texts_are_short_where_the_long_ones_are_not_there(raw: Path, caplog: pytest.LogCaptureFixture) -> None:
    short = fb15k(raw, text="short")
    (raw / "extra/fb-entity2text-new.txt").unlink()
    with pytest.raises(NieError, match=r"fb-entity2text-new.txt does not exist"):
        fb15k(raw, text="long")
    with caplog.at_level("WARNING", logger="nie"):
        kg = fb15k(raw)
    assert (kg.text, kg.node_names, kg.meta["options"]) == (short.text, short.node_names, {"text": "short"})
    assert "is not there, so fb15k has its short texts" in caplog.text


def test_unknown_text(raw: Path) -> None:
    with pytest.raises(NieError, match="'long' or 'short'"):
        fb15k(raw, text="medium")  # type: ignore[arg-type]


@pytest.mark.raw
def test_published_counts(raw_dir: Path) -> None:
    kg = fb15k(raw_dir / "fb15k")
    assert (kg.num_nodes, kg.num_relations, kg.num_edges) == (14_951, 1_345, 592_213)
    known = kg.labels[kg.label_mask]
    assert (len(known), known.min(), known.max()) == (14_111, 13, 18_745_602)
    assert int((kg.src == kg.dst).sum()) == 2_250
    assert len({*zip(kg.src.tolist(), kg.etype.tolist(), kg.dst.tolist(), strict=True)}) == kg.num_edges
    assert kg.etype[0] == 0
    assert None not in kg.text
    assert sum(text is None for text in fb15k(raw_dir / "fb15k", text="short").text) == 840
    facts, population = kg.channels["facts"], kg.channels["population"]
    assert (facts.features.shape[1], population.features.shape[1]) == (56, 2)
    assert (int(facts.mask.sum()), int(population.mask.sum())) == (12_151, 1_930)


def test_numbers_are_no_part_of_the_graph_itself(raw: Path) -> None:
    without = fb15k(raw)
    (raw / "extra" / "FB15K_NumericalTriples.txt").write_text("/m/c\tpeople.person.height_meters\t1.5\n")
    assert fb15k(raw).digest == without.digest
    (raw / "extra" / "FB15K_NumericalTriples.txt").write_text("/m/c\tpeople.person.height_meters\ttall\n")
    with pytest.raises(NieError, match="must be a finite number"):
        fb15k(raw)
