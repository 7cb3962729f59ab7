#!/usr/bin/env bash
# From a plain clone to test results: makes .venv, installs, and runs the checks and the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh dev
if [ -z "${NIE_RAW_DIR:-}" ] && [ -d ../shared/datasets/raw ]; then
    NIE_RAW_DIR=$(cd ../shared/datasets/raw && pwd)
    export NIE_RAW_DIR
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
exec .venv/bin/python -m pytest "$@"
