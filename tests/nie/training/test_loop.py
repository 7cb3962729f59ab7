"""nie.training.loop."""

import math
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn

import nie.training.loop
from nie.errors import NieError
from nie.settings.sections import OptimConfig
from nie.training.checkpoint import read_checkpoint, write_checkpoint
from nie.training.loop import History, fit, seeded


class Problem:
    """A small regression with dropout and a sampler, so that every kind of random state takes part."""

    def __init__(self) -> None:
        with seeded(3):
            self.x, self.y = torch.randn(32, 4), torch.randn(32, 1)
            self.model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))
        self.generator = torch.Generator().manual_seed(1)
        self.calls = 0
        self.stop_at: int | None = None
        self.select = {"error": False}

    def losses(self) -> Iterator[Tensor]:
        """One epoch: two batches."""
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        for rows in torch.randperm(32, generator=self.generator).chunk(2):
            yield (self.model(self.x[rows]) - self.y[rows]).square().mean()

    def monitor(self) -> dict[str, float]:
        return {"error": (self.model(self.x) - self.y).square().mean().item()}

    def fit(self, checkpoint: Path | None = None, **optim: object) -> History:
        settings = OptimConfig(**{"lr": 0.05, "schedule": "one_cycle", "max_epochs": 30, **optim})
        with seeded(5):
            history, self.states = fit(
                self.model, self.losses, self.monitor, optim=settings, select=self.select, checkpoint=checkpoint,
                generators=[self.generator],
            )  # fmt: skip
            return history

    def weights(self) -> Tensor:
        return torch.cat([parameter.detach().flatten() for parameter in self.model.parameters()])

    def interrupt(self, checkpoint: Path, **optim: object) -> None:
        """Fit, and stop in epoch 13, with a checkpoint after every epoch before."""
        self.stop_at = 13
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(nie.training.loop, "CHECKPOINT_EVERY_S", 0.0)
            self.fit(checkpoint, **optim)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The checkpoint of a fit that was interrupted."""
    Problem().interrupt(tmp_path / "checkpoint.pt")
    return tmp_path / "checkpoint.pt"


def test_it_leaves_the_best_state_in_eval_mode() -> None:
    problem = Problem()
    history = problem.fit()
    assert not problem.model.training
    assert problem.monitor()["error"] == history.best["error"] == min(row["error"] for row in history.rows)
    assert history.rows[history.best_epoch["error"] - 1]["error"] == history.best["error"]


def test_every_selecting_metric_keeps_its_own_state() -> None:
    problem = Problem()
    errors, ranks = iter([3.0, 1.0, 2.0]), iter([0.1, 0.2, 0.3])
    problem.monitor = lambda: {"error": next(errors), "rank": next(ranks)}  # type: ignore[method-assign]
    problem.select = {"error": False, "rank": True}
    history = problem.fit(max_epochs=3)
    assert history.best_epoch == {"error": 2, "rank": 3}
    assert history.best == {"error": 1.0, "rank": 0.3}
    assert all(torch.equal(value, problem.states["error"][name]) for name, value in problem.model.state_dict().items())
    assert any(
        not torch.equal(value, problem.states["rank"][name]) for name, value in problem.model.state_dict().items()
    )


@pytest.mark.parametrize(
    "optim", [{"schedule": "constant"}, {"schedule": "one_cycle"}, {"schedule": "cosine"}, {"ema": 0.9}], ids=str
)
def test_an_interrupted_run_continues_to_the_same_bits(optim: dict[str, object], tmp_path: Path) -> None:
    whole, second, checkpoint = Problem(), Problem(), tmp_path / "checkpoint.pt"
    expected = whole.fit(**optim)
    Problem().interrupt(checkpoint, **optim)
    history = second.fit(checkpoint, **optim)
    assert second.calls == 30 - 12
    assert history.rows == expected.rows
    assert torch.equal(second.weights(), whole.weights())


def test_the_average_of_the_weights_is_judged_and_kept_and_training_goes_on_from_the_weights() -> None:
    plain, averaged = Problem(), Problem()
    before, after = plain.fit(), averaged.fit(ema=0.9)
    assert [row["loss"] for row in after.rows] == [row["loss"] for row in before.rows]
    assert after.rows[0]["error"] != before.rows[0]["error"]
    assert averaged.monitor()["error"] == after.best["error"]


def test_cosine_rises_to_the_rate_and_falls_to_nothing() -> None:
    rates = [row["lr"] for row in Problem().fit(schedule="cosine", warmup=0.2, lr=0.1).rows]
    assert rates[:6] == pytest.approx([0.1 * step / 6 for step in range(1, 7)])
    assert rates[6:] == pytest.approx([0.05 * (1 + math.cos(math.pi * step / 24)) for step in range(24)])
    assert 0 < rates[-1] < 0.001
    assert Problem().fit(schedule="cosine", warmup=0.0, lr=0.1, max_epochs=1).rows[0]["lr"] == 0.1
    with pytest.raises(ValueError, match="warmup is for the schedule cosine; got one_cycle"):
        OptimConfig(schedule="one_cycle", warmup=0.2)


def test_torchs_own_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    Problem().fit()
    assert torch.equal(before, torch.get_rng_state())


def test_patience_counts_epochs_since_the_best() -> None:
    problem = Problem()
    figures = iter([3.0, 1.0, *[2.0] * 50])
    problem.monitor = lambda: {"error": next(figures)}  # type: ignore[method-assign]
    history = problem.fit(patience=4)
    assert (history.best_epoch, history.epochs) == ({"error": 2}, 6)


def test_it_evaluates_every_so_often_and_at_the_end() -> None:
    history = Problem().fit(eval_every=4)
    assert [int(row["epoch"]) for row in history.rows if "error" in row] == [4, 8, 12, 16, 20, 24, 28, 30]


def test_the_last_epoch_is_judged_where_patience_ends_training() -> None:
    problem = Problem()
    problem.monitor = lambda: {"error": 1.0}  # type: ignore[method-assign]
    history = problem.fit(eval_every=4, patience=6)
    assert [int(row["epoch"]) for row in history.rows if "error" in row] == [4, 8, 10]


def test_clipping_bounds_the_gradient() -> None:
    free, clipped = Problem(), Problem()
    free.fit(max_epochs=1)
    clipped.fit(max_epochs=1, clip_norm=1e-9)
    norm = torch.cat([parameter.grad.flatten() for parameter in clipped.model.parameters()]).norm()
    assert norm <= 1.01e-9
    assert torch.cat([parameter.grad.flatten() for parameter in free.model.parameters()]).norm() > 1e-3


def test_nan_never_wins_and_only_nan_is_an_error() -> None:
    problem = Problem()
    figures = iter([float("nan"), 1.0, float("nan")])
    problem.monitor = lambda: {"error": next(figures)}  # type: ignore[method-assign]
    assert problem.fit(max_epochs=3).best_epoch == {"error": 2}
    problem = Problem()
    problem.monitor = lambda: {"error": float("nan")}  # type: ignore[method-assign]
    with pytest.raises(NieError, match="not a number in any of 3 epochs"):
        problem.fit(max_epochs=3)


def test_a_loss_that_is_not_finite_stops_with_advice() -> None:
    problem = Problem()
    problem.x[0] = float("inf")
    with pytest.raises(NieError, match=r"epoch \d+; lower optim.lr"):
        problem.fit()


@pytest.mark.parametrize("content", [b"", b"junk", b"\x80\x02cos\nsystem\n(S'true'\ntR."])
def test_a_damaged_or_malicious_checkpoint_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(content)
    with pytest.raises(
        NieError, match=r"cannot be read as a checkpoint of this run \(.+\); if it is damaged, delete it"
    ):
        Problem().fit(checkpoint)


def test_changed_content_of_a_checkpoint_is_refused_before_it_is_loaded(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = checkpoint.read_bytes()
    monkeypatch.setattr(torch, "load", loading := Mock())
    for place in (3, 30, 80, len(whole) // 2, len(whole) - 1):
        checkpoint.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(NieError, match="delete it to start the fold again"):
            Problem().fit(checkpoint)
    loading.assert_not_called()


def test_a_checkpoint_of_another_model_is_refused(checkpoint: Path) -> None:
    document = read_checkpoint(checkpoint)
    document["optimizer"]["state"][0]["exp_avg"] = torch.zeros(3, 3)
    write_checkpoint(checkpoint, document)
    with pytest.raises(NieError, match=r"exp_avg must have the shape \(8, 4\); got \(3, 3\)"):
        Problem().fit(checkpoint)


def test_a_machine_without_memory_for_a_checkpoint_does_not_call_it_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path / "checkpoint.pt", {})
    for error in (MemoryError, torch.cuda.OutOfMemoryError):
        with monkeypatch.context() as patch, pytest.raises(error):
            patch.setattr(torch, "load", Mock(side_effect=error))
            Problem().fit(tmp_path / "checkpoint.pt")


def test_a_run_begun_on_a_gpu_continues_without_one(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, load = read_checkpoint(checkpoint), torch.load
    write_checkpoint(checkpoint, {**document, "cuda_rng": [torch.zeros(16, dtype=torch.uint8)]})
    # Tensors of a GPU cannot be made here: without a place to go they would not be read where there is none.
    monkeypatch.setattr(torch, "load", loading := Mock(side_effect=load))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert Problem().fit(checkpoint).epochs == 30
    assert loading.call_args.kwargs["map_location"] == "cpu"


@pytest.mark.cuda
def test_a_checkpoint_of_a_gpu_is_read_on_the_cpu(tmp_path: Path) -> None:
    checkpoint, first = tmp_path / "checkpoint.pt", Problem()
    first.model, first.x, first.y = first.model.cuda(), first.x.cuda(), first.y.cuda()
    first.interrupt(checkpoint)
    assert Problem().fit(checkpoint).epochs == 30


def test_accumulated_batches_make_the_step_of_one_batch() -> None:
    once, parts = Problem(), Problem()
    for problem in (once, parts):
        problem.model[2] = nn.Dropout(0.0)
    once.losses = lambda: iter([(once.model(once.x) - once.y).square().mean()])  # type: ignore[method-assign]
    once.fit(max_epochs=4)
    parts.fit(max_epochs=4, accumulate=2)  # its two batches of 16 are the 32 rows
    torch.testing.assert_close(once.weights(), parts.weights())
    rest = Problem()
    rest.fit(max_epochs=2, accumulate=3)  # the two batches of an epoch are all that is left for a step
    assert bool(rest.weights().isfinite().all())


def test_early_stopping_waits_for_the_least_number_of_epochs() -> None:
    problem = Problem()
    problem.monitor = lambda: {"error": 1.0}  # type: ignore[method-assign]
    assert problem.fit(patience=2, schedule="constant").epochs == 3
    assert Problem.fit(problem, patience=2, schedule="constant", min_epochs=8).epochs == 8
    with pytest.raises(ValueError, match="min_epochs 9 is more than max_epochs, 8"):
        OptimConfig(min_epochs=9, max_epochs=8)
