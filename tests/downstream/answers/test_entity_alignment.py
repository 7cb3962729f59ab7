"""downstream.answers.entity_alignment and nie align."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stage_helpers import store_synthetic

from downstream.answers.entity_alignment import NamedVectors, align
from nie.__main__ import main
from nie.errors import NieError

NAMES = [f"n{number}" for number in range(200)]


def test_a_turned_space_is_found_and_shuffled_seeds_are_at_chance() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 16))
    other = rows @ np.linalg.qr(rng.normal(size=(16, 16)))[0] + 0.05 * rng.normal(size=(200, 16))
    other[:10] = np.nan  # they have no vector there
    renamed = [f"m{number}" for number in range(200)]
    one, two = NamedVectors("a", NAMES, rows.astype(np.float32)), NamedVectors("b", renamed, other.astype(np.float32))
    found = align(one, two, list(zip(NAMES, renamed, strict=True)))
    assert (found.seeds, found.tested) == (57, 133)
    chance = found.figures["chance"]
    assert chance["hits@10"] == pytest.approx(10 / 133)
    assert found.figures["mapped by the seeds"]["hits@1"] > 0.9
    for way in ("as they are", "mapped by shuffled seeds (control)"):
        assert found.figures[way]["mrr"] < 3 * chance["mrr"]


def test_what_cannot_be_aligned_is_told() -> None:
    rows = np.ones((200, 2), dtype=np.float32)
    one, other = NamedVectors("a", NAMES, rows), NamedVectors("b", ["x", "y"], rows[:2])
    with pytest.raises(NieError, match="a and b have no entity of the same name in common"):
        align(one, other)
    with pytest.raises(NieError, match="have none of the 1 pairs in common"):
        align(one, other, [("q", "x")])
    with pytest.raises(NieError, match="'n1' is in several"):
        align(one, other, [("n1", "x"), ("n1", "y")])
    with pytest.raises(NieError, match="2 pairs have a vector on both sides, too few"):
        align(one, other, [("n1", "x"), ("n2", "y")])


def test_the_command_reads_features_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kg = store_synthetic(tmp_path)
    rows = kg.channels["semantic"].features
    np.savez(tmp_path / "emb.npz", names=np.array(kg.node_names), features=rows[:, ::-1], text=rows, fold=0)
    root = ["--data-root", str(tmp_path)]
    assert main(["align", "synthetic:semantic", str(tmp_path / "emb.npz"), *root]) == 0
    assert "mapped by shuffled seeds (control)" in capsys.readouterr().out
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"{name}\t{name}\n" for name in kg.node_names[:50]))
    file = str(tmp_path / "emb.npz")
    assert main(["align", file, file, "--channels", "features,text", "--pairs", str(pairs), *root]) == 0
    assert "15 seed pairs; 35 other pairs" in capsys.readouterr().out
    for arguments, words in (
        (["synthetic", file], "DATASET:FEATURES"),
        ([file, file, "--channels", "features,texts"], "did you mean 'text'"),
        ([file, file, "--channels", "text,fold"], "fold must have a row of finite numbers"),
        ([file, file, "--channels", "text"], "--channels takes two names"),
        ([file, file, "--seed-share", "1.5"], "seed_share must be a number above 0 and below 1"),
    ):
        assert main(["align", *arguments, *root]) == 2
        assert words in capsys.readouterr().err


def test_two_runs_that_began_with_the_same_draw_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    for name, seed in (("a", 0), ("b", 0), ("c", 1000)):
        np.savez(tmp_path / f"{name}.npz", names=np.array(NAMES), features=rows, text=rows, seed=seed)
    for other, channels, told in (("b", [], True), ("c", [], False), ("a", [], False), ("b", ["text,text"], False)):
        command = ["align", str(tmp_path / "a.npz"), str(tmp_path / f"{other}.npz")]
        assert main([*command, *(part for pair in channels for part in ("--channels", pair))]) == 0
        assert ("began with the same random draw" in capsys.readouterr().err) is told
