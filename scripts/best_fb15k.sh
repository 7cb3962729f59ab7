#!/usr/bin/env bash
# Our best estimate on fb15k: averaged R-GCN networks and MLPs, trees and ridge regressions, which look around, blended by
# weights that are chosen on validation nodes. Settings are in downstream/stages/recipes/fb15k-best.yaml; flags are passed on to all of them.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
.venv/bin/nie data fetch mpnet >&2 # the text encoder, once
parts=()
for method in rgcn mlp lightgbm kernel-ridge boosting ridge; do
    parts+=("$(.venv/bin/nie downstream --recipe fb15k-best --method "$method" "$@" | tail -1)")
done
exec .venv/bin/nie downstream --recipe fb15k-best --method blend --parts "$(IFS=,; echo "${parts[*]}")" "$@"
