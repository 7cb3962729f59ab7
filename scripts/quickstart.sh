#!/usr/bin/env bash
# From a plain clone to importance scores: makes .venv, installs, and runs the main job on geo (two folds, quick).
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh fast,geo,structure,report
exec .venv/bin/nie run geo --preset quick --out scores.csv --report report.html "$@"
