"""downstream.answers.frame: answers as tables of pandas."""

from __future__ import annotations

from typing import Any

import pytest

from downstream.answers.frame import KINDS, as_frame

pytest.importorskip("pandas")

VALUES: dict[str, Any] = {"words": "a", "whole or none": 3, "whole": 3, "truth": True}


@pytest.mark.parametrize("name", [*KINDS, "score", "lower", "p_top100", "known", "spread", "weight_semantic"])
def test_the_type_of_a_column_is_the_same_whatever_rows_there_are(name: str) -> None:
    kind = KINDS.get(name, "real")
    value = VALUES.get(kind, 0.5)
    gaps = kind in ("real", "whole or none")
    frames = [as_frame({name: values}) for values in ([value], [], *([[None, value], [None]] if gaps else []))]
    assert len({frame[name].dtype for frame in frames}) == 1


def test_what_is_missing_of_real_numbers_is_nan_and_of_ranks_none() -> None:
    frame = as_frame({"rank": [1, None], "lower": [None, None]})
    assert (str(frame["rank"].dtype), str(frame["lower"].dtype)) == ("Int64", "float64")
    assert frame.isna().to_numpy().tolist() == [[False, True], [True, True]]
