"""nie.data.sequence_file, and what becomes of sequences: stored, standardised, controlled, and read by an LSTM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import small

from downstream.stages.estimation import estimate
from nie.__main__ import main
from nie.data import Channel, load
from nie.data.channel_file import read_channel_file
from nie.errors import NieError
from nie.inputs.channels import controlled, standardized, without_units

NAMES = ["ann", "bob", "cyd"]
VALUES = np.array([[5.0], [7.0], [9.0]])
NODES = 150


def test_sequences_find_their_nodes(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", values=VALUES, lengths=[2, 1], names=["cyd", "ann"])
    channel = read_channel_file(tmp_path / "f.npz", "visits", NAMES)
    assert channel.features.tolist() == [[1, 9, 0, 0], [0, 0, 0, 0], [1, 5, 1, 7]]
    assert (channel.mask.tolist(), channel.steps) == ([True, False, True], 2)


def test_what_lies_beyond_an_end_is_not_counted() -> None:
    channel = Channel.of_sequences(VALUES, np.array([2, 0, 1]))
    spread = np.sqrt(8 / 3)
    np.testing.assert_allclose(
        standardized(channel), [[1, -2 / spread, 1, 0], 4 * [0], [1, 2 / spread, 0, 0]], rtol=1e-6
    )
    assert without_units(channel).features.tolist() == channel.features.tolist()
    years = Channel.of_sequences(VALUES + 1900, np.array([2, 0, 1]))
    np.testing.assert_allclose(without_units(years).features, standardized(channel), rtol=1e-4)
    assert controlled(channel, "mean", 0).features.tolist() == [[6], [0], [9]]
    for control in ("shuffled", "noise"):
        made = controlled(channel, control, 0)
        assert (made.steps, made.by_step().mask.sum()) == (2, 3)
    with pytest.raises(NieError, match="this channel has none"):
        controlled(Channel(np.ones((3, 1)), np.ones(3, bool)), "mean", 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"values": VALUES[:, 0]}, "need an array values of numbers"),
        ({"lengths": [2, 2]}, "add up to the 3 rows of values"),
        ({"lengths": [4, -1]}, "add up to the 3 rows of values"),
        ({"lengths": [1.5, 1.5]}, "add up to the 3 rows of values"),
        ({"values": VALUES[:0], "lengths": [0, 0]}, "so no node has it"),
        ({"values": VALUES * np.nan}, "row 0 of values of channel visits is not finite"),
        ({"names": ["ann", "dan"]}, "a row for 'dan', which is no node"),
    ],
)
def test_bad_sequences_are_told_in_a_sentence(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", **{"values": VALUES, "lengths": [2, 1], "names": ["cyd", "ann"], **changes})
    with pytest.raises(NieError, match=words):
        read_channel_file(tmp_path / "f.npz", "visits", NAMES)


def test_a_sequence_that_makes_all_others_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "f.npz", values=VALUES, lengths=[3], names=["bob"])
    monkeypatch.setattr("nie.data.sequence_file.MOST_PADDED", 17)
    with pytest.raises(NieError, match="has 3 steps, and all 3 are held at that length; cut or resample it"):
        read_channel_file(tmp_path / "f.npz", "visits", NAMES)


@pytest.fixture(scope="module")
def trends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph whose importance is the trend of sequences of 3 to 9 values, whose mean says nothing of it."""
    folder, rng = tmp_path_factory.mktemp("trends"), np.random.default_rng(0)
    names = np.array([f"n{number}" for number in range(NODES)])
    slopes, lengths = rng.normal(size=NODES), rng.integers(3, 10, NODES)
    sequences = [
        level + slope * (np.arange(length) - (length - 1) / 2) + 0.1 * rng.normal(size=length)
        for level, slope, length in zip(rng.normal(size=NODES), slopes, lengths, strict=True)
    ]
    np.savez(folder / "visits.npz", values=np.concatenate(sequences)[:, None], lengths=lengths, names=names)
    ends = rng.choice(names, (2 * NODES, 2))
    (folder / "triples.tsv").write_text(
        "".join(f"{one}\tr\t{other}\n" for one, other in [*ends, *zip(names, np.roll(names, 1), strict=True)])
    )
    scores = zip(names, np.exp(slopes), strict=True)
    (folder / "scores.tsv").write_text("".join(f"{name}\t{score}\n" for name, score in scores))
    files = ["--triples", folder / "triples.tsv", "--scores", folder / "scores.tsv"]
    given = ["--features", f"visits={folder / 'visits.npz'}", "--data-root", folder]
    assert main([str(one) for one in ("data", "build", "trends", *files, *given)]) == 0
    return folder


def test_sequences_are_stored(trends: Path) -> None:
    kg = load("trends", trends)
    given = read_channel_file(trends / "visits.npz", "visits", kg.node_names)
    assert kg.channels["visits"].steps == given.steps == 9
    np.testing.assert_array_equal(kg.channels["visits"].features, given.features)
    flat = Channel(given.features, given.mask)
    assert kg.with_channels({"visits": flat}).data_digest != kg.data_digest


def spearman(trends: Path, features: str, encoder: str, **changes: Any) -> float:
    """On the test nodes of one fold, of RGTN that reads the channel alone."""
    features_of = {"structural": "none", "semantic": "none", "more": {"visits": features}}
    model = {"encoders": {"visits": encoder}, "feat_drop": 0.0, **changes}
    settings = small(
        "rgtn", dataset="trends", features=features_of, model=model, folds={"run": [0]}, device="cpu",
        optim={"max_epochs": 25, "lr": 0.01}, loss={"variational_weight": 0.01},
    )  # fmt: skip
    run = estimate(settings, data_root=trends, run_root=trends / "runs")
    return float(run.figures(0, "test")["spearman"])


def test_an_lstm_reads_the_trend_that_the_mean_does_not_tell(trends: Path) -> None:
    assert spearman(trends, "visits", "variational_lstm", reconstruct=True) > 0.9
    assert abs(spearman(trends, "visits~mean", "variational")) < 0.5


def test_other_channels_are_no_sequences(trends: Path) -> None:
    for features in ("visits~mean", "visits+degrees"):
        with pytest.raises(NieError, match="must be one feature of sequences, with nothing beside it"):
            spearman(trends, features, "variational_lstm")
