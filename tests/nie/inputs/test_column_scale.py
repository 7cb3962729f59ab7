"""nie.inputs.column_scale and nie.inputs.feature_rows, against what numpy makes of a whole array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nie.disk.mapped
from nie.data import Channel
from nie.disk.array_file import read_npy
from nie.inputs.column_scale import ROUNDING, ColumnScale
from nie.inputs.feature_rows import FeatureRows
from nie.inputs.tensors import input_tensor
from nie.settings.sections import FeaturesConfig


def channel(rows: int, columns: int, share: float, folder: Path, order: Any = "C") -> Channel:
    rng = np.random.default_rng(rows + columns)
    values = (5 + 3 * rng.standard_normal((rows, columns))).astype(np.float32)
    values[:, 0] = 0.1
    mask = rng.random(rows) < share
    values[~mask] = 0
    np.save(folder / "values.npy", np.asarray(values, order=order))
    return Channel(read_npy(folder / "values.npy"), mask)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("share", [1.0, 0.7])
@pytest.mark.parametrize(("rows", "columns"), [(1, 3), (5000, 1), (5001, 2), (5001, 33)])
def test_scales_are_numpys_to_the_last_bit(
    rows: int, columns: int, share: float, order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = channel(rows, columns, share, tmp_path, order)
    present = made.features[made.mask]
    monkeypatch.setattr(nie.disk.mapped, "PIECE", 4 * columns * 100)
    scale = ColumnScale.of(made)
    if len(present):
        spread = present.std(axis=0)
        expected = np.where(spread > ROUNDING * np.abs(present).max(axis=0), spread, 1)
        assert scale.mean.tolist() == present.mean(axis=0).tolist()
        assert scale.deviation.tolist() == expected.tolist()


@pytest.mark.parametrize(
    "settings", [{}, {"limit": 1.0}, {"standardize": False}], ids=["standardised", "limited", "as they are"]
)
def test_rows_are_those_of_the_whole_matrix(settings: dict[str, Any], tmp_path: Path) -> None:
    config, first = FeaturesConfig(**settings), channel(500, 7, 0.8, tmp_path)
    lengths = np.random.default_rng(0).integers(0, 4, 500)
    steps = Channel.of_sequences(np.random.default_rng(1).standard_normal((lengths.sum(), 2)), lengths)
    features = (first, steps) if config.standardize else (first, Channel(2 * first.features, first.mask))
    whole, rows = input_tensor(features, config), FeatureRows(features, config, torch.device("cpu"))
    ids = torch.randint(500, (1000,), generator=torch.Generator().manual_seed(0))
    assert rows.shape == whole.shape
    assert torch.equal(rows[ids], whole[ids])
    assert torch.equal(rows[100:130], whole[100:130])
    assert rows[:] is rows
    assert torch.equal(torch.relu(rows), torch.relu(whole))
    assert torch.equal(torch.cat([rows, whole], dim=1), torch.cat([whole, whole], dim=1))


def test_a_channel_that_nobody_has_stays_zero() -> None:
    nobody = Channel(np.zeros((4, 3)), np.zeros(4, bool))
    assert not ColumnScale.of(nobody)(nobody).any()


def test_memory_of_a_mapped_file_is_given_back(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((1 << 20, 8), np.float32))
    mapped = read_npy(tmp_path / "a.npy")[100:]

    def resident() -> int:
        lines = Path("/proc/self/smaps").read_text().split("a.npy")[1].splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss"))

    assert float(mapped.sum(dtype=np.float64)) == 8 * ((1 << 20) - 100)
    assert resident() > 30_000
    nie.disk.mapped.forget(mapped)
    assert resident() < 1000
    assert mapped[5].tolist() == 8 * [1.0]
    nie.disk.mapped.forget(np.ones(3))
