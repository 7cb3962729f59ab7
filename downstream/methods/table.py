"""The methods of importance estimation that there are.

A method is a value: a new one is an entry here, and has flags, recipes, resuming runs, blocks, every loss that its
outputs allow, the reports and a place in studies. See docs/extending.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from downstream.methods.importance_settings import (
    FeatureConfig,
    ImportanceConfig,
    ModelConfig,
    NetworkConfig,
)
from downstream.methods.loss_settings import ChannelLossConfig, ImportanceLossConfig
from downstream.methods.method import Method
from downstream.methods.method_settings import (
    BlendConfig,
    ConvolutionConfig,
    GATConfig,
    GCNConfig,
    GENIConfig,
    HiddenConfig,
    MultiImportConfig,
    RGCNConfig,
    RGTNConfig,
    SGCConfig,
    TunedConfig,
    TunedGATConfig,
    TunedGCNConfig,
    TunedRGCNConfig,
)
from downstream.methods.tabular_settings import (
    BoostingConfig,
    ForestConfig,
    KernelRidgeConfig,
    LightGBMConfig,
    NeighbourBoostingConfig,
    NeighbourKernelRidgeConfig,
)
from nie.later import later
from nie.runs.run import Run


def network(
    model: ModelConfig,
    build: Callable[..., Any],
    loss: ImportanceLossConfig | None = None,
    *,
    takes_masks: bool = False,
) -> Method:
    """The method of a neural network.

    Args:
        model: its own settings, at their defaults.
        build, takes_masks: see `Method`.
        loss: settings of the loss; by default those for a network that reads all channels as one.
    """
    return Method(
        NetworkConfig.of(model, loss),
        fit=later("downstream.methods.network:fit_network"),
        check=later("downstream.methods.network:check_network"),
        build=build,
        takes_masks=takes_masks,
    )


def baseline(
    function: Callable[..., Any], settings: type[ImportanceConfig] = FeatureConfig, **fields: Any
) -> Method:  # fmt: skip
    """The method of a function of `downstream.methods.baselines`.

    Args:
        function: ``(FoldData) -> Fitted``, which fits and predicts; where the settings have a section ``model``,
            ``(FoldData, model) -> Fitted``.
        settings: ``ImportanceConfig`` for a function that looks at the graph alone.
        fields: further ones of `Method`.
    """

    def fit(work: Any, _checked: None, _folder: Any) -> Any:
        own = [work.config.model] if "model" in settings.model_fields else []
        return function(later("downstream.methods.baselines:FoldData.of")(work), *own).on_label_scale(work.scale.back)

    return Method(settings, fit=fit, **fields)


def _baseline(name: str) -> Callable[..., Any]:
    return later(f"downstream.methods.baselines:{name}")


def _kernel_ridge(settings: type[KernelRidgeConfig]) -> Method:
    own = "downstream.methods.kernel_ridge:"
    return baseline(later(f"{own}kernel_ridge_baseline"), settings, predictor=later(f"{own}fitted_kernel_ridge"))


def _convolution(name: str, model: ModelConfig) -> Method:
    return network(model, functools.partial(later("nie.models:ConvolutionalModel"), name))


def _tuned(name: str, model: ModelConfig) -> Method:
    return network(model, functools.partial(later("nie.models:ResidualModel"), name))


def method_of(run: Run) -> Method | None:
    """The method of a run; None for a run of another stage, or of a method in a file that is not loaded now."""
    return METHODS.get(str(run.config.get("method")))


METHODS: dict[str, Method] = {
    "pagerank": baseline(_baseline("pagerank_baseline"), ImportanceConfig),
    "degree": baseline(_baseline("degree_baseline"), ImportanceConfig),
    "in-degree": baseline(_baseline("in_degree_baseline"), ImportanceConfig),
    "ppr": baseline(_baseline("ppr_baseline"), ImportanceConfig),
    "ppr-published": baseline(_baseline("ppr_published_baseline"), ImportanceConfig, sees_test_labels=True),
    "har": baseline(_baseline("har_baseline"), ImportanceConfig),
    "linear": baseline(_baseline("linear_baseline"), weights=_baseline("weights_of_linear")),
    "ridge": baseline(_baseline("ridge_baseline"), weights=_baseline("weights_of_ridge")),
    "kernel-ridge": _kernel_ridge(KernelRidgeConfig),
    "kernel-ridge-neighbours": _kernel_ridge(NeighbourKernelRidgeConfig),
    "forest": baseline(_baseline("forest_baseline"), ForestConfig, predictor=_baseline("fitted_forest")),
    "boosting": baseline(_baseline("boosting_baseline"), BoostingConfig, predictor=_baseline("fitted_boosting")),
    "lightgbm": baseline(
        later("downstream.methods.lightgbm:lightgbm_baseline"),
        LightGBMConfig,
        check=later("downstream.methods.lightgbm:check_lightgbm"),
        predictor=later("downstream.methods.lightgbm:fitted_lightgbm"),
    ),
    "boosting-neighbours": baseline(
        _baseline("boosting_baseline"), NeighbourBoostingConfig, predictor=_baseline("fitted_boosting")
    ),
    "mlp": _convolution("mlp", HiddenConfig()),
    "gcn": _convolution("gcn", GCNConfig()),
    "graphsage": _convolution("graphsage", ConvolutionConfig()),
    "gat": _convolution("gat", GATConfig()),
    "sgc": network(SGCConfig(), later("nie.models:SGC")),
    "rgcn": _convolution("rgcn", RGCNConfig()),
    "tuned-gcn": _tuned("gcn", TunedGCNConfig()),
    "tuned-graphsage": _tuned("graphsage", TunedConfig()),
    "tuned-gat": _tuned("gat", TunedGATConfig()),
    "tuned-rgcn": _tuned("rgcn", TunedRGCNConfig()),
    "geni": network(GENIConfig(), later("nie.models:GENI")),
    "multi-import": replace(
        network(MultiImportConfig(), later("nie.models:MultiImport"), ImportanceLossConfig(listwise_weight=0.0)),
        fit=later("downstream.methods.signal_clusters:fit_multi_import"),
    ),
    "rgtn": network(RGTNConfig(), later("downstream.methods.rgtn:RGTN"), ChannelLossConfig(), takes_masks=True),
    "blend": Method(
        BlendConfig,
        fit=later("downstream.methods.blend:fit_blend"),
        check=later("downstream.methods.blend:check_blend"),
        made_of_runs=True,
    ),
}
