"""What `reset_parameters` promises."""

from __future__ import annotations

import torch
from torch import nn


def check_reset(module: nn.Module, fresh: nn.Module) -> None:
    """Fail unless resetting ``module``, whatever its state is, gives what resetting ``fresh`` gives."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(7.0)
    for one in (module, fresh):
        torch.manual_seed(1)
        one.reset_parameters()  # type: ignore[operator]
    for name, value in module.state_dict().items():
        assert torch.equal(value, fresh.state_dict()[name]), name
