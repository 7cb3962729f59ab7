"""Learning rates of the parts of a model."""

from __future__ import annotations

from typing import Any

from torch import nn


def rate_groups(model: nn.Module, lr: float) -> list[dict[str, Any]]:
    """The parameters by learning rate: ``lr`` times what a module's ``lr_scales`` says of its parameter or part.

    >>> model = nn.Linear(2, 1)
    >>> model.lr_scales = {"bias": 10.0}
    >>> [(group["lr"], len(group["params"])) for group in rate_groups(model, 0.1)]
    [(0.1, 1), (1.0, 1)]
    """
    by_scale: dict[float, list[nn.Parameter]] = {}
    scales: dict[nn.Parameter, float] = {}
    for module in model.modules():
        for name, scale in vars(module).get("lr_scales", {}).items():
            part = getattr(module, name)
            for parameter in part.parameters() if isinstance(part, nn.Module) else [part]:
                scales[parameter] = scale * scales.get(parameter, 1.0)
    for parameter in model.parameters():
        by_scale.setdefault(scales.get(parameter, 1.0), []).append(parameter)
    return [{"params": parameters, "lr": lr * scale} for scale, parameters in by_scale.items()]
