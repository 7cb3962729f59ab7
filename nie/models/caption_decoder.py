"""Captions from vectors: a small recurrent decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nie.ops.shapes import expect_sizes

END = 0
"""The word with which a caption begins and ends."""


class CaptionDecoder(nn.Module):
    """A GRU that begins with the vector of an image and says one word after another; made for small data.

    Args:
        size: of the vectors, and of its state.
        num_words: words that it knows, `END` included.

    Example:
        >>> decoder = CaptionDecoder(8, 5)
        >>> decoder(torch.randn(2, 8), torch.tensor([[3, 1], [2, 0]])).shape
        torch.Size([2, 3, 5])
        >>> decoder.described(torch.randn(2, 8), longest=4).shape
        torch.Size([2, 4])
    """

    def __init__(self, size: int, num_words: int) -> None:
        super().__init__()
        expect_sizes(size=size, num_words=num_words)
        self.words = nn.Embedding(num_words, size)
        self.states = nn.GRU(size, size, batch_first=True)
        self.out = nn.Linear(size, num_words)

    def forward(self, vectors: Tensor, captions: Tensor) -> Tensor:
        """(N, T + 1, W) logits of each next word of ``captions`` (N, T), given the true ones before it."""
        begun = torch.cat([captions.new_full((len(captions), 1), END), captions], dim=1)
        states, _ = self.states(self.words(begun), vectors[None].contiguous())
        logits: Tensor = self.out(states)
        return logits

    @torch.no_grad()
    def described(self, vectors: Tensor, *, longest: int = 20) -> Tensor:
        """(N, longest) the likeliest word after word; after the end, `END`."""
        word = torch.full((len(vectors), 1), END, device=vectors.device)
        state, said, ended = vectors[None].contiguous(), [], torch.zeros_like(word, dtype=torch.bool)
        for _ in range(longest):
            output, state = self.states(self.words(word), state)
            word = self.out(output).argmax(dim=2).masked_fill(ended, END)
            ended |= word == END
            said.append(word)
        return torch.cat(said, dim=1)
