#!/usr/bin/env bash
# Link prediction on mkg-w: RotatE. Settings are in downstream/links/recipes/mkg-w-rotate.yaml; flags are passed on, for
# example --repeats 0,1,2.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie link --recipe mkg-w-rotate "$@"
