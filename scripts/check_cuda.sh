#!/usr/bin/env bash
# Checks on a machine with a GPU what runs nowhere else: the tests of CUDA, the attention kernels beside PyG's layers,
# and one fold of RGTN. A part that fails leaves the next ones their turn. These three end within eight minutes.
#
#   scripts/check_cuda.sh [tests] [kernels] [fold] [stages]       the named parts, by default the first three
#
# PYTHON names the interpreter: by default .venv's, or python3 where there is none. Logs and tables are written to OUT,
# by default a temporary folder. Nothing is downloaded and no raw file is read: with datasets/fb15k and its cached
# features (any run of scripts/downstream_fb15k.sh makes them) the graph is FB15K, else one that is made on the spot.
set -uo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/.."
. scripts/checkout.sh
out=${OUT:-$(mktemp -d)}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out"
failed=()

part() { # NAME SECONDS COMMAND...: what hangs is killed, and the log has what it printed until then
    local name=$1 seconds=$2 start=$SECONDS
    shift 2
    echo "== $name: $*"
    timeout --kill-after=5 "$seconds" "$@" 2>&1 | tee "$out/$name.log" || failed+=("$name")
    echo "== $name took $((SECONDS - start)) s"
}

# A line for each test, so that a log that ends at the limit has their names. Several processes, because most of the
# time goes into compiling kernels; the benchmark plugin would warn of them.
run_tests=("$python" -m pytest -p no:cacheprovider -vv --tb=short)
"$python" -c "import xdist" 2>/dev/null && run_tests+=(-p no:benchmark -n 8)

tests() { # those marked cuda, and all of the backend, which run in Triton's interpreter where there is no GPU
    # Only the files that have any: others import what a machine with a GPU need not have.
    # shellcheck disable=SC2046 # names of files without spaces
    part tests 180 "${run_tests[@]}" $(grep -rlE --include='test_*.py' 'mark\.cuda|triton_backend' tests) -k "cuda or triton_backend"
}

stages() { # where --device auto, the default, means CUDA; two minutes and more
    part stages 240 "${run_tests[@]}" tests/downstream tests/pretrain tests/nie/training
}

kernels() { # on a random graph too, because FB15K is so small that the GPU mostly waits for Python
    local graph=synthetic-20000
    [ -d datasets/fb15k/processed ] && graph=fb15k
    part kernels 140 "$python" benchmarks/attention.py --device cuda --datasets "$graph" random-6400000 \
        --parts contestants memory --repeat 7 --json "$out/kernels.json" --markdown "$out/kernels.md"
}

fold() { # twice, because the first time Triton compiles the kernels and keeps them on disk for the second
    local recipe=fb15k-fast root=datasets turn
    if ! compgen -G "datasets/fb15k/features/minilm-*.npy" >/dev/null; then
        recipe=$scratch/made.yaml root=$scratch
        echo "{dataset: synthetic, features: {structural: structural, semantic: semantic}}" >"$recipe"
        "$python" -c 'import pathlib, sys, nie.data, nie.data.store
nie.data.store.save(nie.data.synthetic(0, 5000), pathlib.Path(sys.argv[1]))' "$scratch/synthetic/processed"
    fi
    for turn in first again; do
        # Validation figures alone, without the table: test figures stand where nobody chooses settings by them. A
        # folder of its own, because a finished fold would only be read.
        part "fold-$turn" 75 bash -c '"$0" "$@" >/dev/null' "$python" -m nie downstream --recipe "$recipe" \
            --folds.run 0 --device cuda --data-root "$root" --run-root "$scratch/$turn"
        "$python" -c 'import glob, json, sys
for file in glob.glob(f"{sys.argv[1]}/downstream/*/*/fold0/*.json"):
    found = json.load(open(file))
    print(json.dumps(found if file.endswith("timing.json") else {key: found[key] for key in ("val", "fit")}))
' "$scratch/$turn" | tee -a "$out/fold-$turn.log"
    done
}

[ $# -gt 0 ] || set -- tests kernels fold
for wanted in "$@"; do
    case $wanted in tests | kernels | fold | stages) "$wanted" ;; *) failed+=("$wanted, which is no part") ;; esac
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}; logs in $out" >&2; exit 1; }
echo "All of it ran; logs in $out"
