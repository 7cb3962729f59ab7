#!/usr/bin/env bash
# Stage 1 on fb15k: LICAP pretraining. Settings are in pretrain/recipes/fb15k-fast.yaml; flags are passed on.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie pretrain --recipe fb15k-fast "$@"
