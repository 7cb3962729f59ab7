"""nie.inputs.device."""

import pytest
import torch

from nie.errors import NieError
from nie.inputs.device import choose_device


def pretend(monkeypatch: pytest.MonkeyPatch, *, devices: int, triton: bool) -> None:
    """Let torch report CUDA devices, and Triton be installed or not."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: devices > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if triton else None)


@pytest.mark.parametrize(("devices", "triton", "chosen"), [(0, True, "cpu"), (1, False, "cpu"), (1, True, "cuda")])
def test_auto_takes_cuda_where_the_kernels_can_run(
    devices: int, triton: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, devices=devices, triton=triton)
    assert choose_device("auto") == torch.device(chosen)
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("wanted", "devices", "triton", "message"),
    [
        ("cuda", 0, True, "no cuda, as torch finds 0 CUDA devices here; use --device cpu"),
        ("cuda:2", 2, True, "no cuda:2, as torch finds 2 CUDA devices"),
        ("cuda:1", 2, False, r"--device cuda:1 needs the package triton: pip install 'nie\[gpu\]'"),
    ],
)
def test_a_device_that_cannot_be_had_is_one_sentence(
    wanted: str, devices: int, triton: bool, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, devices=devices, triton=triton)
    with pytest.raises(NieError, match=message):
        choose_device(wanted)
