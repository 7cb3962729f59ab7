# Sourced by the other scripts: makes .venv with the packages that this project was tested with.
# Usage: . scripts/environment.sh EXTRAS          (for example: geo,structure)

suitable_python() {
    # PYTHON, or the first interpreter that is CPython 3.10 to 3.12 and can make virtual environments.
    local candidate candidates=(python3 python3.12 python3.11 python3.10)
    case ${PYTHON:-} in /*) ;; */*) PYTHON=$OLDPWD/$PYTHON ;; esac # as it is meant where the script is called
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null
        then
            command -v "$candidate"
            return
        fi
    done
    echo "nie needs Python 3.10, 3.11 or 3.12 with the venv module, which ${PYTHON:-python3} is not; install one, or name it: PYTHON=/path/to/python3.11 bash $0" >&2
    return 2
}

with_news() {
    # Runs a command whose output is shown in full if it fails; until it ends, its latest line every five seconds.
    local log status=0 started=$SECONDS
    log=$(mktemp)
    "$@" >"$log" 2>&1 &
    local job=$!
    while kill -0 "$job" 2>/dev/null; do
        sleep 1
        if (((SECONDS - started) % 5 == 0)); then
            printf '%4d s  %.100s\n' "$((SECONDS - started))" "$(tail -n 1 "$log")" >&2
        fi
    done
    wait "$job" || status=$?
    [ "$status" = 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$status"
}

make_environment() {
    local extras=$1 pins installed clear=()
    # The stamp names what is installed; other pins or further extras install again. dev includes all, all the rest.
    pins="$(cat pyproject.toml constraints.txt | cksum) $PWD"
    installed=$(cat .venv/installed 2>/dev/null || true)
    case "$installed" in
        "$extras $pins" | "dev $pins") return ;;
        "all $pins") [ "$extras" = dev ] || return 0 ;;
        "" | *" $PWD") ;;
        *) clear=(--clear) ;; # it was made in another place, which all of its commands name
    esac
    local python
    python=$(suitable_python) || return
    echo "Installing nie[$extras] into .venv; with fast downloads this takes one to three minutes." >&2
    "$python" -m venv ${clear[@]+"${clear[@]}"} .venv &&
        with_news .venv/bin/python -m pip install --progress-bar off --disable-pip-version-check --no-compile \
            --constraint constraints.txt --editable ".[$extras]" || return
    # Half of pip's time would go into bytecode, on one core; this takes all. Files that are no Python 3 are left out.
    .venv/bin/python -m compileall -qq -j 0 .venv/lib >&2 || true
    echo "$extras $pins" > .venv/installed
}

make_environment "$1"

# Training frees and takes arrays of many megabytes again and again. glibc gives each one back to the system, and the
# next one's pages are zeroed anew; kept in the heap, and in huge pages, an epoch takes a sixth to a fifth less time.
if [ "$(uname)" = Linux ]; then
    export GLIBC_TUNABLES="${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184}"
fi
