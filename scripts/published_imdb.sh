#!/usr/bin/env bash
# The papers' whole table of IMDB_S at the papers' own settings, from their own files, which nie does not ship: REL_PK names
# imdb_s_rel.pk, LANG_PK imdb_s_lang.pk and perhaps NODE2VEC_PK imdb_s_node2vec.pk; flags are passed on.
set -euo pipefail
: "${REL_PK:?must name the file imdb_s_rel.pk of the papers}" "${LANG_PK:?must name the file imdb_s_lang.pk of the papers}"
REL_PK=$(realpath "$REL_PK") LANG_PK=$(realpath "$LANG_PK")
NODE2VEC_PK=${NODE2VEC_PK:+$(realpath "$NODE2VEC_PK")}
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/environment.sh all
.venv/bin/nie data import imdb --rel "$REL_PK" --lang "$LANG_PK" ${NODE2VEC_PK:+--node2vec "$NODE2VEC_PK"} --num-relations 30
status=0
for profile in published-rgtn published-licap; do
  .venv/bin/nie study main imdb --profile "$profile" "$@" || status=$?
done
exit "$status"
