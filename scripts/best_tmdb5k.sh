#!/usr/bin/env bash
# Our best estimate on tmdb5k: trees and ridge regressions that look around, blended by weights that are chosen on validation
# nodes. Settings are in downstream/stages/recipes/tmdb5k-best.yaml; flags are passed on to all of them.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
parts=()
for method in lightgbm kernel-ridge boosting ridge; do
    parts+=("$(.venv/bin/nie downstream --recipe tmdb5k-best --method "$method" "$@" | tail -1)")
done
exec .venv/bin/nie downstream --recipe tmdb5k-best --method blend --parts "$(IFS=,; echo "${parts[*]}")" "$@"
