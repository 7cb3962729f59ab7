#!/usr/bin/env bash
# The whole table of tmdb5k: baselines, RGTN, LICAP, and RGTN on LICAP embeddings, on the same folds. What is finished is
# kept; flags are passed on, for example --folds.run 0,1.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh all
exec .venv/bin/nie run tmdb5k "$@"
