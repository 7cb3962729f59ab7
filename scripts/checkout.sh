# Sourced by the scripts for machines with a GPU, in the repository: this checkout runs, installed or not, by $python.
# Paths in the environment are as they are meant where the script is called.

for name in PYTHON OUT RECORDS RUN_ROOT; do
    case $name=${!name:-} in
        *= | *=/*) ;;
        PYTHON=*/* | OUT=* | RECORDS=* | RUN_ROOT=*) printf -v "$name" %s "$OLDPWD/${!name}" ;;
    esac
done
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
