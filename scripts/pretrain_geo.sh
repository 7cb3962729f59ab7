#!/usr/bin/env bash
# Stage 1 on geo: LICAP pretraining. Settings are in pretrain/recipes/geo-fast.yaml; flags are passed on.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie pretrain --recipe geo-fast "$@"
