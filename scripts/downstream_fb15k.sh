#!/usr/bin/env bash
# Stage 2 on fb15k: RGTN. Settings are in downstream/stages/recipes/fb15k-fast.yaml; flags are passed on, for example
# --pretrained RUN with the folder that scripts/pretrain_fb15k.sh printed.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie downstream --recipe fb15k-fast "$@"
