#!/usr/bin/env bash
# Stage 2 on tmdb5k: RGTN. Settings are in downstream/stages/recipes/tmdb5k-fast.yaml; flags are passed on, for example
# --pretrained RUN with the folder that scripts/pretrain_tmdb5k.sh printed.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie downstream --recipe tmdb5k-fast "$@"
