"""nie.data.extract.text."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from nie.data.extract import TextFeatureExtractor
from nie.errors import NieError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None, reason="needs the extra text"
)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "city", "river"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny encoder of transformers with random weights."""
    import transformers

    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    return tmp_path


def test_padding_plays_no_part_in_the_mean(folder: Path) -> None:
    extract = TextFeatureExtractor(folder, batch_size=2)
    together = extract(["a red city", "river", None, "river"])
    assert together.mask.tolist() == [True, True, False, True]
    assert together.features.shape == (4, 8)
    for row, text in ((0, "a red city"), (1, "river"), (3, "river")):
        np.testing.assert_allclose(together.features[row], extract([text]).features[0], rtol=1e-4, atol=1e-5)
    assert not np.allclose(together.features[0], together.features[1])


def test_the_mean_is_over_all_tokens(folder: Path) -> None:
    import transformers

    tokens = transformers.AutoTokenizer.from_pretrained(folder)("a red city", return_tensors="pt")
    with torch.no_grad():
        hidden = transformers.AutoModel.from_pretrained(folder)(**tokens).last_hidden_state
    expected = hidden.mean(dim=1).numpy()
    np.testing.assert_allclose(TextFeatureExtractor(folder)(["a red city"]).features, expected, rtol=1e-4, atol=1e-6)


def test_long_texts_are_cut(folder: Path) -> None:
    extract = TextFeatureExtractor(folder, max_tokens=4)
    one, two = extract(["a red city river river", "a red river city"]).features
    np.testing.assert_allclose(one, two, rtol=1e-5)


def test_bad_input(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NieError, match="There is no folder"):
        TextFeatureExtractor(tmp_path / "none")
    with pytest.raises(NieError, match="None of 2 nodes has text"):
        TextFeatureExtractor(folder)([None, " "])


def test_weights_that_are_not_there_are_not_made_up(folder: Path) -> None:
    import safetensors.torch

    weights = folder / "model.safetensors"
    state = safetensors.torch.load_file(weights)
    safetensors.torch.save_file({"other." + name: value for name, value in state.items()}, weights)
    with pytest.raises(NieError, match="they would be random"):
        TextFeatureExtractor(folder)
