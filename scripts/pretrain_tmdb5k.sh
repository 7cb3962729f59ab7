#!/usr/bin/env bash
# Stage 1 on tmdb5k: LICAP pretraining. Settings are in pretrain/recipes/tmdb5k-fast.yaml; flags are passed on.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie pretrain --recipe tmdb5k-fast "$@"
