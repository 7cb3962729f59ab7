#!/usr/bin/env bash
# Link prediction on db15k: RotatE. Settings are in downstream/stages/links/recipes/db15k-rotate.yaml; flags are passed on, for
# example --repeats 0,1,2 or --channels text=minilm.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie link --recipe db15k-rotate "$@"
