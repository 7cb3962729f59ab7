"""downstream.studies.link_gains."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from downstream.studies.link_gains import gain_interval, gains_table
from nie.runs.run import Run


def test_the_interval_is_that_of_the_mean() -> None:
    rng = np.random.default_rng(0)
    theirs = rng.uniform(size=400)
    gains = rng.normal(0.1, 0.5, size=400)
    mean, low, high = gain_interval(theirs + gains, theirs)
    np.testing.assert_allclose(mean, gains.mean())
    half = 1.96 * gains.std() / 20
    np.testing.assert_allclose([low, high], [mean - half, mean + half], atol=0.1 * half)
    assert gain_interval(theirs + gains, theirs) == (mean, low, high)


def test_gains_are_of_the_repetitions_that_both_have(tmp_path: Path) -> None:
    ranks = {("a", 0): [[1, 1], [2, 2]], ("b", 0): [[2, 2], [2, 2]], ("a", 1): [[9, 9], [9, 9]]}
    for (name, repeat), array in ranks.items():
        folder = tmp_path / name / f"fold{repeat}"
        folder.mkdir(parents=True)
        (folder / "DONE").touch()
        np.save(folder / "ranks.npy", np.array(array, dtype=float))
    runs = {name: Run(tmp_path / name, {}, (0, 1)) for name in ("a", "b", "c")}
    groups = {"first": np.array([True, False]), "second": np.array([False, True]), "none": np.zeros(2, dtype=bool)}
    table = gains_table([("a", "b"), ("a", "c")], runs, groups)
    assert list(table.headers) == ["pair", "first (1)", "second (1)", "repetitions"]
    assert table.rows == [
        ["a against b", "+0.5000 [+0.5000, +0.5000]", "+0.0000 [+0.0000, +0.0000]", "1"]
    ]  # fmt: skip
