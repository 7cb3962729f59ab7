"""nie.inputs.tensors."""

import numpy as np
import pytest
import torch

from nie.data import Channel
from nie.inputs.tensors import input_tensor
from nie.settings.sections import FeaturesConfig


@pytest.mark.parametrize("standardize", [False, True])
def test_the_input_tensor_joins_parts_that_are_standardised_apart(standardize: bool) -> None:
    first = Channel(np.array([[1], [3], [2]], np.float32), np.ones(3, bool))
    second = Channel(np.array([[1900, 2], [2000, 2], [0, 0]], np.float32), np.array([True, True, False]))
    tensor = input_tensor((first, second), FeaturesConfig(standardize=standardize)).round(decimals=4)
    scale = np.sqrt((1 + 9 + 4) / 3)  # of the first part, which the others are brought to
    plain = [[1, -scale, 0], [3, scale, 0], [2, 0, 0]]
    expected = [[-1.2247, -1, 0], [1.2247, 1, 0], [0, 0, 0]] if standardize else plain
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor, expected, atol=1e-4)


def test_outliers_are_limited_in_order() -> None:
    values = np.array([[0.0], [0.1], [-0.1], [50.0], [100.0]], np.float32)
    channel = Channel(values, np.ones(5, bool))
    plain = input_tensor((channel,), FeaturesConfig()).numpy()
    limited = input_tensor((channel,), FeaturesConfig(limit=1.0)).numpy()
    inside = np.abs(plain) <= 1
    np.testing.assert_array_equal(limited[inside], plain[inside])
    assert (np.argsort(limited, axis=0) == np.argsort(plain, axis=0)).all()
    assert np.abs(limited).max() < np.abs(plain).max()
