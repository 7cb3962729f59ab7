#!/usr/bin/env bash
# The papers' whole table of tmdb5k: every method, with and without LICAP pretraining, on the same folds, with paired tests.
# What is finished is kept; flags are passed on, for example --folds.run 0,1, --only rgtn gcn or --minutes 60.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie study main tmdb5k "$@"
