#!/usr/bin/env bash
# Studies on a machine with a GPU that is lent for minutes: many folds at a time, stopped at a limit, with the figures of
# every finished fold in small files that the same command, here or elsewhere, goes on from.
#
#   SECONDS_EACH=200 scripts/study_cuda.sh licap published     # any of licap, forms, shares, strength, published
#
# DATASET names the graph, by default fb15k; RECORDS the folder of those files, by default docs/results; JOBS how many
# folds run at a time, by default the cores less two. The graph and its features must be there already: on a machine
# without the network bring datasets/fb15k along.
set -uo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/checkout.sh
dataset=${DATASET:-fb15k} records=${RECORDS:-docs/results} jobs=${JOBS:-$(($(nproc) > 3 ? $(nproc) - 2 : 1))}
runs=${RUN_ROOT:-checkpoints} limit=${SECONDS_EACH:-200}
mkdir -p "$records"
failed=()

study() { # FILE STUDY OPTIONS...
    local name=$1 start=$SECONDS
    local file=$records/$dataset-$1-cuda.csv about=("$2" "$dataset" --run-root "$runs")
    shift 2
    local only=() option=() to=option
    for word in "$@"; do
        [ "$word" = --only ] && to=only
        [ $to = only ] && only+=("$word") || option+=("$word")
    done
    about+=("${option[@]}" --records "$file")
    timeout --kill-after=5 "$limit" "$python" -m nie study "${about[@]}" --jobs "$jobs" "${only[@]}" ||
        ((SECONDS - start >= limit)) || failed+=("$name") # to be stopped at the limit is no failure
    # What was cut off has finished folds that no batch has counted yet.
    "$python" -m nie study "${about[@]}" --report-only || failed+=("the report of $name")
}

methods() { # WAY...: every method of the study of LICAP, plain and in these ways
    local method way
    for method in rgtn graphsage rgcn mlp geni; do
        printf '%s\n' "$method"
        for way in "$@"; do printf '%s\n' "$method+$way"; done
    done
}

[ $# -gt 0 ] || failed+=("nothing was named to run")
for wanted in "$@"; do
    case $wanted in
    licap)
        mapfile -t arms < <(methods untrained regression "licap (structural)")
        study licap-folds licap --only "${arms[@]}"
        ;;
    forms | shares | strength) study "licap-$wanted" "licap-$wanted" ;;
    published)
        study published-rgtn main --profile published-rgtn --only rgtn geni gcn rgcn graphsage "rgtn+licap (structural)"
        study published-licap main --profile published-licap --only rgtn geni gcn rgcn graphsage "rgtn+licap (structural)"
        ;;
    *) failed+=("$wanted, which is no part") ;;
    esac
done
[ ${#failed[@]} -eq 0 ] || { (IFS=,; echo "failed: ${failed[*]}" >&2); exit 1; }
