#!/bin/sh
# Makes .venv with everything of requirements-dev.txt, once; quick when nothing has changed.
# Every way in which this fails is one sentence on stderr. Run from the root of the project.
#   PYTHON=…  an interpreter to use instead of the first of python3.13 … that runs
set -eu

fits='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'

# The name alone says nothing: a shim of pyenv may stand for an interpreter that is not there.
find_python() {
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        if "$name" -c "$fits" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    if [ -n "${PYTHON:-}" ]; then
        echo "PYTHON=$PYTHON is no Python 3.11, 3.12 or 3.13 that runs." >&2
    else
        echo "No Python 3.11, 3.12 or 3.13 runs here; install one, or name it: make PYTHON=/path/to/python3.13" >&2
    fi
    exit 2
}

# Chalice loads app.py only where it finds a configuration, and app.py says what is missing then.
if [ ! -e .chalice/config.json ]; then
    mkdir -p .chalice
    echo '{"version": "2.0", "app_name": "palimpsest", "stages": {}}' >.chalice/config.json
fi

stamp=.venv/installed
if [ -n "${PYTHON:-}" ] || ! .venv/bin/python -c "$fits" >/dev/null 2>&1; then
    python=$(find_python)
else
    python=.venv/bin/python
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
wanted="$version $(cat requirements.txt requirements-dev.txt | cksum)"
if [ "$(cat $stamp 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c "$fits" 2>/dev/null; then
    exit 0
fi

if [ "$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" != "$version" ]; then
    echo "Setting up .venv with Python $version, once …"
    rm -rf .venv
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        echo "Python $version at $python cannot make a virtual environment; on Debian, install python$version-venv." >&2
        exit 2
    fi
else
    echo "Installing what the requirements ask for …"
fi

# Chalice refuses pip 26.3 and later.
log=.venv/install.log
if ! .venv/bin/python -m pip install --disable-pip-version-check --no-input --retries 1 \
    'pip<26.3' -r requirements-dev.txt >$log 2>&1; then
    if grep -qE 'NewConnectionError|NameResolutionError|Failed to resolve|Temporary failure|ConnectTimeout|ProxyError|Network is unreachable' $log; then
        echo "No network: the Python packages cannot be fetched; connect, and run make again." >&2
    else
        tail -n 15 $log >&2
        echo "The Python packages cannot be installed; all that pip said is in $log." >&2
    fi
    exit 2
fi
echo "$wanted" >$stamp
