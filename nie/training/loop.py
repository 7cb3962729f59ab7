"""The one training loop, for both stages and all models."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from nie.deadline import OutOfTime, check_time
from nie.errors import NieError
from nie.progress import Progress
from nie.runs.files import LOSS_TERM
from nie.settings.sections import OptimConfig
from nie.training.averaged import AveragedWeights
from nie.training.checkpoint import check_shapes, read_checkpoint, write_checkpoint
from nie.training.loss_terms import listening
from nie.training.rates import rate_groups
from nie.training.schedules import scheduler_of

CHECKPOINT_EVERY_S = 15.0


@dataclass
class History:
    """What happened while fitting: one row for each epoch, and for every selecting metric its best epoch.

    Attributes:
        rows: loss, learning rate, terms of the loss and what was monitored, one row for each epoch.
        best: by metric, its best value.
        best_epoch: by metric, the epoch of its best value.
        train_seconds: spent in training steps and evaluations, over all sittings.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, float] = field(default_factory=dict)
    best_epoch: dict[str, int] = field(default_factory=dict)
    train_seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Epochs trained so far."""
        return len(self.rows)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block, with its weight initialisation and dropout, from ``seed``; torch's own state is left untouched.

    Torch's operators add up in a fixed order there. By default the gradient of an index on the CPU is added up by
    several threads in whatever order they come, from some ten thousand entries on.

    >>> with seeded(0):
    ...     a = torch.rand(1)
    >>> with seeded(0):
    ...     torch.equal(a, torch.rand(1))
    True
    """
    # Without a list, torch warns where there are several GPUs.
    with torch.random.fork_rng(list(range(torch.cuda.device_count()))), _fixed_order():
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def _fixed_order() -> Iterator[None]:
    """Torch's deterministic algorithms; it warns of an operator that has none."""
    chosen, only_warns = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(chosen, warn_only=only_warns)
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]


def fit(
    model: nn.Module,
    losses: Callable[[], Iterable[Tensor]],
    monitor: Callable[[], Mapping[str, float]],
    *,
    optim: OptimConfig,
    select: Mapping[str, bool],
    label: str = "fit",
    checkpoint: Path | None = None,
    generators: Sequence[torch.Generator] = (),
    also_log: Callable[[], Mapping[str, float]] = dict,
    before_epoch: Callable[[int], object] = lambda epochs: None,
    before_step: Callable[[], object] = lambda: None,
) -> tuple[History, dict[str, dict[str, Tensor]]]:
    """Train ``model`` with Adam; leave it in eval mode, in the state of the best epoch by the first selecting metric.

    Args:
        model: trained in place.
        losses: yields the losses of one epoch: one on the whole graph, or one for each batch; called in train mode
            with gradients on. ``optim.accumulate`` of them make an optimizer step.
        monitor: computes figures by name; called in eval mode with gradients off.
        optim: learning rate, schedule, epochs, patience, gradient clipping, average of the weights.
        select: the figures of ``monitor`` that each pick a best epoch, and whether higher is better; the first of
            equals wins and ``nan`` never does.
        label: shown beside the progress bar.
        checkpoint: file that is written every 15 seconds and that a later call with the same arguments
            continues from, with the same bits on the CPU as a run that was never interrupted.
        also_log: figures for the row of every epoch, evaluated or not.
        before_epoch: told, before every epoch, how many are over.
        before_step: called before every optimizer step, when the gradients are there.
        generators: generators that ``losses`` draws from; their states travel with the checkpoint.

    Returns:
        The history, and by metric the model's state in its best epoch.

    Raises:
        NieError: the loss is not finite, or a selecting metric was ``nan`` at every evaluation.
        OutOfTime: the job has a `nie.deadline.time_limit`, which is over; the checkpoint is written.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> x = torch.linspace(0, 1, 8)[:, None]
        >>> loss = lambda: (model(x) - 2 * x).square().mean()
        >>> history, _ = fit(model, lambda: [loss()], lambda: {"loss": loss().item()}, select={"loss": False},
        ...                  optim=OptimConfig(lr=0.1, weight_decay=0.0, max_epochs=200))
        >>> history.best["loss"] < 1e-4
        True
    """
    state = _State(model, optim, generators, before_step)
    if checkpoint is not None and checkpoint.exists():
        state.load(checkpoint)
    saved_at = time.monotonic()
    with Progress(optim.max_epochs, label, initial=state.history.epochs) as progress:
        while state.history.epochs < optim.max_epochs and not state.out_of_patience():
            try:
                check_time()
            except OutOfTime:
                if checkpoint is not None:
                    state.save(checkpoint)
                raise
            started = time.monotonic()
            model.train()
            before_epoch(state.history.epochs)
            row = state.train_epoch(losses)
            row.update(also_log())
            last = state.history.epochs == optim.max_epochs or state.out_of_patience()
            if last or state.history.epochs % optim.eval_every == 0:
                model.eval()
                with state.averaged.in_place() if state.averaged else contextlib.nullcontext():
                    with torch.no_grad():
                        row.update(monitor())
                    for metric, higher_is_better in select.items():
                        state.keep_if_best(metric, row[metric], higher_is_better)
            state.history.train_seconds += time.monotonic() - started
            judged = {name: row[name] for name in select if name in row}
            progress.advance({"loss": row["loss"], **state.terms, **judged})
            if checkpoint is not None and time.monotonic() - saved_at > CHECKPOINT_EVERY_S:
                state.save(checkpoint)
                saved_at = time.monotonic()
    state.restore_best(select)
    return state.history, state.best_states


class _State:
    """All that an epoch changes, and so all that a checkpoint holds."""

    def __init__(
        self, model: nn.Module, optim: OptimConfig, generators: Sequence[torch.Generator],
        before_step: Callable[[], object],
    ) -> None:  # fmt: skip
        self.model, self.optim, self.generators, self.before_step = model, optim, generators, before_step
        groups = rate_groups(model, optim.lr)
        self.optimizer = torch.optim.Adam(groups, lr=optim.lr, weight_decay=optim.weight_decay, fused=True)
        self.scheduler = scheduler_of(self.optimizer, optim)
        self.averaged = None if optim.ema is None else AveragedWeights(model, optim.ema)
        self.history = History()
        self.terms: dict[str, float] = {}  # of the loss, in the latest epoch
        self.best_states: dict[str, dict[str, Tensor]] = {}

    def train_epoch(self, losses: Callable[[], Iterable[Tensor]]) -> dict[str, float]:
        lr, values = self.optimizer.param_groups[0]["lr"], list[float]()
        with listening() as noted:
            for loss in losses():
                if len(values) % self.optim.accumulate == 0:
                    self.optimizer.zero_grad(set_to_none=True)
                values.append(self.backward(loss))
                if len(values) % self.optim.accumulate == 0:
                    self.step(self.optim.accumulate)
            if rest := len(values) % self.optim.accumulate:
                self.step(rest)
        self.scheduler.step()
        row = {"epoch": self.history.epochs + 1.0, "loss": statistics.fmean(values), "lr": lr}
        self.terms = noted.means()
        row |= {f"{LOSS_TERM}{name}": value for name, value in self.terms.items()}
        self.history.rows.append(row)
        return row

    def backward(self, loss: Tensor) -> float:
        loss.backward()  # type: ignore[no-untyped-call]
        value = loss.item()  # the GPU does the backward pass while this waits
        if not math.isfinite(value):
            when = f"in epoch {self.history.epochs + 1}"
            raise NieError(f"The loss became {value} {when}; lower optim.lr or set optim.clip_norm.")
        return value

    def step(self, num_losses: int) -> None:
        """A step by the mean gradient of so many losses."""
        self.before_step()
        if num_losses > 1:
            for gradient in (parameter.grad for parameter in self.model.parameters() if parameter.grad is not None):
                gradient.div_(num_losses)
        if self.optim.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.optim.clip_norm)
        self.optimizer.step()
        if self.averaged is not None:
            self.averaged.update()

    def keep_if_best(self, metric: str, value: float, higher_is_better: bool) -> None:
        if math.isnan(value):
            return
        best = self.history.best.get(metric)
        if best is None or (value > best if higher_is_better else value < best):
            self.history.best[metric], self.history.best_epoch[metric] = value, self.history.epochs
            state = self.model.state_dict()
            self.best_states[metric] = {name: tensor.detach().clone() for name, tensor in state.items()}

    def out_of_patience(self) -> bool:
        best = max(self.history.best_epoch.values(), default=0)
        return self.history.epochs >= max(best + self.optim.patience, self.optim.min_epochs)

    def restore_best(self, select: Iterable[str]) -> None:
        for metric in select:
            if metric not in self.best_states:
                raise NieError(
                    f"The validation {metric} was not a number in any of {self.history.epochs} epochs "
                    "(all predictions or all validation labels are equal); lower optim.lr, allow more "
                    "optim.max_epochs, or give more labels."
                )
        self.model.load_state_dict(self.best_states[next(iter(select))])
        self.model.eval()

    def save(self, path: Path) -> None:
        document = {
            "model": self.model.state_dict(),
            "best_states": self.best_states,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "averaged": self.averaged and self.averaged.state_dict(),
            "history": vars(self.history),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "generators": [generator.get_state() for generator in self.generators],
        }
        write_checkpoint(path, document)

    def load(self, path: Path) -> None:
        try:
            document = read_checkpoint(path)
            for state in (document["model"], *document["best_states"].values()):
                check_shapes(state, self.model.state_dict())
            self.model.load_state_dict(document["model"])
            self.optimizer.load_state_dict(document["optimizer"])
            for parameter, moments in self.optimizer.state.items():
                check_shapes({k: v for k, v in moments.items() if k != "step"}, dict.fromkeys(moments, parameter))
            self.scheduler.load_state_dict(document["scheduler"])
            if self.averaged is not None:
                check_shapes(document["averaged"]["weights"], self.averaged.weights)
                self.averaged.load_state_dict(document["averaged"])
            self.history = History(**document["history"])
            self.best_states = document["best_states"]
            torch.set_rng_state(document["rng"])
            for device, saved in zip(range(torch.cuda.device_count()), document["cuda_rng"], strict=False):
                torch.cuda.set_rng_state(saved, device)
            for generator, saved in zip(self.generators, document["generators"], strict=True):
                generator.set_state(saved)
        except (MemoryError, torch.cuda.OutOfMemoryError):
            raise
        except Exception as error:  # torch may raise any error for a damaged file
            reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
            raise NieError(
                f"{path} cannot be read as a checkpoint of this run ({reason}); if it is damaged, delete it to start "
                "the fold again."
            ) from error
