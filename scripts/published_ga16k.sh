#!/usr/bin/env bash
# The papers' whole table of GA16K at the papers' own settings, from their own files, which nie does not ship: REL_PK names
# ga16k_rel.pk and LANG_PK ga_lang.pk; flags are passed on.
set -euo pipefail
: "${REL_PK:?must name the file ga16k_rel.pk of the papers}" "${LANG_PK:?must name the file ga_lang.pk of the papers}"
REL_PK=$(realpath "$REL_PK") LANG_PK=$(realpath "$LANG_PK")
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
.venv/bin/nie data import ga16k --rel "$REL_PK" --lang "$LANG_PK"
status=0
for profile in published-rgtn published-licap; do
  .venv/bin/nie study main ga16k --profile "$profile" "$@" || status=$?
done
exit "$status"
