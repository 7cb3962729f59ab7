#!/usr/bin/env bash
# Stage 2 on geo: RGTN. Settings are in downstream/stages/recipes/geo-fast.yaml; flags are passed on, for example
# --pretrained RUN with the folder that scripts/pretrain_geo.sh printed.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie downstream --recipe geo-fast "$@"
