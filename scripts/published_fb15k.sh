#!/usr/bin/env bash
# The papers' whole table of fb15k at the papers' own settings: first those of the RGTN program, then those of the LICAP
# program, which docs/tables.md compares. Stage 1 runs where a row needs it. What is finished is kept; flags hold for each
# of the two, for example --folds.run 0, --only rgtn gcn or --minutes 60.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
status=0
for profile in published-rgtn published-licap; do
  .venv/bin/nie study main fb15k --profile "$profile" "$@" || status=$?
done
exit "$status"
