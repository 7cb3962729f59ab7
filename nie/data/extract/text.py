"""Sentence embeddings from a model in a local folder."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nie.arrays import Floats32
from nie.data.channel import Channel
from nie.errors import NieError
from nie.extras import require
from nie.progress import track

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 1024


class TextFeatureExtractor:
    """Embeds texts with a model of sentence-transformers, or any encoder of transformers, from a local folder.

    A folder with ``modules.json`` is one of sentence-transformers and pools as it says. Of any other model the last
    hidden states are averaged over the tokens that are there: ``sum_t m_t h_t / sum_t m_t``.

    Args:
        folder: folder of the model; nothing is downloaded.
        max_tokens: longer texts are cut there.
        batch_size: texts at a time.

    Raises:
        NieError: the folder or weights in it are missing, or the extra ``text`` is not installed.

    Example::

        channel = TextFeatureExtractor("models/all-MiniLM-L6-v2")(["A city.", None])  # features (2, 384)
    """

    def __init__(self, folder: str | os.PathLike[str], *, max_tokens: int = 128, batch_size: int = 64) -> None:
        path = Path(folder)
        if not path.is_dir():
            raise NieError(f"There is no folder {path}; give the folder of a text model, with its config and weights.")
        sentences = require("sentence_transformers", "text")
        # Loading 22 million weights takes a tenth of a second; its own progress bar would ignore --quiet.
        importlib.import_module("transformers.utils.logging").disable_progress_bar()
        if (path / "modules.json").exists():
            model = sentences.SentenceTransformer(str(path), device="cpu", local_files_only=True)
            model.max_seq_length = max_tokens
            self._encode: Callable[[list[str]], Floats32] = lambda texts: model.encode(
                texts, batch_size=batch_size, show_progress_bar=False, convert_to_numpy=True
            )
        else:
            self._encode = _MeanPooling(path, max_tokens, batch_size)

    def __call__(self, texts: Sequence[str | None]) -> Channel:
        """Embed one text for each node: equal ones once, and in order of length, so that short ones need no padding.

        Nodes without text, or with an empty one, have a zero row and mask False.

        Raises:
            NieError: there is no text at all.
        """
        distinct, owner, mask = distinct_texts(texts)
        if not distinct:
            raise NieError(f"None of {len(texts)} nodes has text, so there is nothing to embed.")
        order = sorted(range(len(distinct)), key=lambda i: (len(distinct[i]), i))
        parts = [
            self._encode([distinct[i] for i in order[start : start + CHUNK]])
            for start in track(range(0, len(order), CHUNK), "sentence embeddings")
        ]
        vectors = np.concatenate(parts).astype(np.float32)
        unsorted = np.empty_like(vectors)
        unsorted[order] = vectors
        return spread(unsorted, owner, mask)


class _MeanPooling:
    """Texts to the mean of their tokens' last hidden states."""

    def __init__(self, folder: Path, max_tokens: int, batch_size: int) -> None:
        transformers = require("transformers", "text")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model, report = transformers.AutoModel.from_pretrained(
            str(folder), local_files_only=True, output_loading_info=True
        )
        missing = [name for name in report["missing_keys"] if not name.startswith("pooler.")]
        if missing:
            raise NieError(
                f"The folder {folder} lacks {len(missing)} weights of its model, such as {min(missing)}; they would be "
                "random."
            )
        self.model = model.eval()
        self.max_tokens, self.batch_size = max_tokens, batch_size

    def __call__(self, texts: list[str]) -> Floats32:
        import torch  # imported here, because TF-IDF uses this file's helpers without torch

        batches = [texts[start : start + self.batch_size] for start in range(0, len(texts), self.batch_size)]
        with torch.no_grad():
            pooled: Floats32 = torch.cat([self._embed(batch) for batch in batches]).numpy()
        return pooled

    def _embed(self, texts: list[str]) -> Tensor:
        tokens: Any = self.tokenizer(
            texts, padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        hidden: Tensor = self.model(**tokens).last_hidden_state
        there = tokens["attention_mask"][:, :, None].to(hidden)
        pooled: Tensor = (hidden * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)
        return pooled


def distinct_texts(texts: Sequence[str | None]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The distinct texts in order of first use, the place of each node's text among them, and which nodes have text.

    >>> distinct_texts(["b", None, "a", "b", " "])[0]
    ['b', 'a']
    """
    rows: dict[str, int] = {}
    owner = np.array([-1 if text is None or not text.strip() else rows.setdefault(text, len(rows)) for text in texts])
    return list(rows), owner[owner >= 0], owner >= 0


def spread(vectors: Floats32, owner: np.ndarray, mask: np.ndarray) -> Channel:
    """A channel whose nodes under the mask have the rows ``owner`` of ``vectors``."""
    features = np.zeros((len(mask), vectors.shape[1]), dtype=np.float32)
    features[mask] = vectors[owner]
    return Channel(features, mask)
