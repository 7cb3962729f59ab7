#!/usr/bin/env bash
# From a plain clone to test results: makes .venv, installs, and runs the checks and the tests.
set -euo pipefail
unset PYTHONDONTWRITEBYTECODE # the processes of the tests share what is compiled
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh dev
if [ -z "${NIE_RAW_DIR:-}" ] && [ -d ../shared/datasets/raw ]; then
    NIE_RAW_DIR=$(cd ../shared/datasets/raw && pwd)
    export NIE_RAW_DIR
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
# Types are checked beside the tests: mypy has one thread, and takes the better part of a minute in a fresh clone.
types=$(mktemp)
.venv/bin/mypy >"$types" 2>&1 &
mypy=$!
trap 'kill "$mypy" 2>/dev/null || true; rm -f "$types"' EXIT
status=0
.venv/bin/python -m pytest "$@" || status=$?
wait "$mypy" || { cat "$types" >&2; status=1; }
exit "$status"
