"""Encoders that say how sure they are: a mean and a log-variance for each dimension (Kingma and Welling, ICLR 2014)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nie.errors import NieError
from nie.layers.dropout import Dropout
from nie.ops.shapes import expect_sizes

MOST_LOGVAR = 10.0


@dataclass(frozen=True)
class Encoding:
    """What an encoder makes of nodes.

    Attributes:
        mean: (N, H).
        logvar: (N, H) log-variances; None where an encoder knows no uncertainty.
    """

    mean: Tensor
    logvar: Tensor | None = None

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """(N, H): the mean plus noise of the variance (the reparametrisation trick); the mean where there is none.

        Args:
            generator: where the noise comes from; by default torch's own.
        """
        if self.logvar is None:
            return self.mean
        noise = torch.randn(
            self.mean.shape, generator=generator, dtype=self.mean.dtype, device=self.mean.device
        )  # fmt: skip
        return self.mean + noise * torch.exp(0.5 * self.logvar)


class VariationalEncoder(nn.Module):
    r"""From features to means and log-variances.

    .. math:: h = \mathrm{GELU}(\mathrm{LN}(W_1 \, \mathrm{dropout}(x))), \quad
              g = \mathrm{GELU}(\mathrm{LN}(W_2 h)) + W_{res} x, \quad
              \mu = W_\mu g, \quad \log \sigma^2 = \mathrm{clamp}_{\pm 10}(W_\sigma g)

    The head of the log-variance starts at 0, which is variance 1. Take :meth:`Encoding.sample` in training and
    ``mean`` in evaluation.

    Args:
        in_size: d, size of the features.
        size: H.
        dropout: probability of the input.

    Example:
        >>> encoding = VariationalEncoder(5, 8)(torch.randn(3, 5))
        >>> encoding.mean.shape, encoding.logvar.abs().max().item()
        (torch.Size([3, 8]), 0.0)
    """

    def __init__(self, in_size: int, size: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, size=size)
        self.hidden = nn.Sequential(
            Dropout(dropout), nn.Linear(in_size, size), nn.LayerNorm(size), nn.GELU(),
            nn.Linear(size, size), nn.LayerNorm(size), nn.GELU(),
        )  # fmt: skip
        self.residual = nn.Linear(in_size, size, bias=False)
        self.heads = GaussianHeads(size, size)

    def reset_parameters(self) -> None:
        """Reset to torch's defaults and a log-variance of 0."""
        for part in (*self.hidden, self.residual):
            if isinstance(part, (nn.Linear, nn.LayerNorm)):
                part.reset_parameters()
        self.heads.reset_parameters()

    def forward(self, x: Tensor) -> Encoding:
        """Encode ``x`` (N, d)."""
        encoding: Encoding = self.heads(self.hidden(x) + self.residual(x))
        return encoding


def channel_encoder(in_size: int, size: int, *, feat_drop: float, **_others: Any) -> VariationalEncoder:
    """The encoder ``variational`` of `nie.encoders`."""
    return VariationalEncoder(in_size, size, dropout=feat_drop)


class VariationalLSTMEncoder(nn.Module):
    """From sequences of features to means and log-variances, by the last state of an LSTM.

    Args:
        in_size: d, size of the features at each step.
        size: H.
        dropout: probability of the input.

    Example:
        >>> encoder = VariationalLSTMEncoder(5, 8)
        >>> encoder(torch.randn(3, 4, 5), torch.tensor([4, 2, 1])).mean.shape
        torch.Size([3, 8])
    """

    def __init__(self, in_size: int, size: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, size=size)
        self.dropout = Dropout(dropout)
        self.lstm = nn.LSTM(in_size, size, batch_first=True)
        self.heads = GaussianHeads(size, size)

    def reset_parameters(self) -> None:
        """Reset to torch's defaults and a log-variance of 0."""
        self.lstm.reset_parameters()
        self.heads.reset_parameters()

    def forward(self, x: Tensor, lengths: Tensor) -> Encoding:
        """Encode sequences.

        Args:
            x: (N, T, d); what lies beyond a sequence's end is not read.
            lengths: (N,) long, 1 to T; mask the nodes that have no sequence and give them length 1.

        Raises:
            NieError: a length outside 1 to T, or another number of lengths.
        """
        if lengths.shape != x.shape[:1] or bool(((lengths < 1) | (lengths > x.shape[1])).any()):
            raise NieError(f"lengths must be {len(x)} numbers from 1 to {x.shape[1]}, one for each sequence.")
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(x), lengths.cpu(), batch_first=True, enforce_sorted=False
        )  # fmt: skip
        _, (state, _) = self.lstm(packed)
        encoding: Encoding = self.heads(state[-1])
        return encoding


class SequenceChannelEncoder(VariationalLSTMEncoder):
    """`VariationalLSTMEncoder` of sequences that lie in rows, as those of `nie.Channel`.

    Args:
        in_size: T (1 + d), size of a row: a flag and d values for each step.
        size: H.
        steps: T.
        dropout: probability of the input.

    Example:
        >>> rows = torch.tensor([[1.0, 5.0, 1.0, 6.0], [1.0, 7.0, 0.0, 0.0]])  # two steps, and one
        >>> SequenceChannelEncoder(4, 8, steps=2)(rows).mean.shape
        torch.Size([2, 8])
    """

    def __init__(self, in_size: int, size: int, *, steps: int, dropout: float = 0.1) -> None:
        expect_sizes(in_size=in_size, steps=steps)
        if in_size % steps:
            raise NieError(f"A row of {steps} steps must have as many columns for each; got {in_size}.")
        super().__init__(in_size // steps - 1, size, dropout=dropout)
        self.steps = steps

    def forward(self, x: Tensor) -> Encoding:  # type: ignore[override]
        """Encode ``x`` (N, T (1 + d)); a row without any step is read as one step of zeros."""
        rows = x.reshape(len(x), self.steps, -1)
        lengths = (rows[..., 0] > 0).sum(dim=1).clamp(min=1)
        return super().forward(rows[..., 1:], lengths)


def sequence_encoder(
    in_size: int, size: int, *, steps: int, feat_drop: float, **_others: Any
) -> SequenceChannelEncoder:
    """The encoder ``variational_lstm`` of `nie.encoders`."""
    return SequenceChannelEncoder(in_size, size, steps=steps, dropout=feat_drop)


class GaussianHeads(nn.Module):
    """Two linear maps, to the mean and to the log-variance, which lies within ±10 and starts at 0.

    Args:
        in_size: size of the input.
        size: H.
    """

    def __init__(self, in_size: int, size: int) -> None:
        super().__init__()
        expect_sizes(in_size=in_size, size=size)
        self.mean = nn.Linear(in_size, size)
        self.logvar = nn.Linear(in_size, size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to torch's defaults for the mean and zeros for the log-variance."""
        self.mean.reset_parameters()
        nn.init.zeros_(self.logvar.weight)
        nn.init.zeros_(self.logvar.bias)

    def forward(self, x: Tensor) -> Encoding:
        """Encode ``x`` (N, in_size)."""
        return Encoding(self.mean(x), self.logvar(x).clamp(-MOST_LOGVAR, MOST_LOGVAR))


class ModalityDecoder(nn.Module):
    """From an encoding to other features, such as those that were encoded: Linear, LayerNorm, GELU, Linear.

    Args:
        size: H, size of the encoding.
        out_size: d, size of the result.

    Example:
        >>> ModalityDecoder(8, 5)(torch.randn(3, 8)).shape
        torch.Size([3, 5])
    """

    def __init__(self, size: int, out_size: int) -> None:
        super().__init__()
        expect_sizes(size=size, out_size=out_size)
        self.layers = nn.Sequential(nn.Linear(size, size), nn.LayerNorm(size), nn.GELU(), nn.Linear(size, out_size))

    def reset_parameters(self) -> None:
        """Reset to torch's defaults."""
        for part in self.layers:
            if isinstance(part, (nn.Linear, nn.LayerNorm)):
                part.reset_parameters()

    def forward(self, z: Tensor) -> Tensor:
        """Return (N, d) for ``z`` (N, H)."""
        features: Tensor = self.layers(z)
        return features
