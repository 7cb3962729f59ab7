#!/usr/bin/env bash
# Link prediction on mkg-w: RotatE, with the general settings of downstream/stages/links/recipes/rotate.yaml, which were not searched
# on it; flags are passed on, for example --repeats 0,1,2.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie link --recipe rotate --dataset mkg-w "$@"
