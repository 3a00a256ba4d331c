#!/bin/sh
# Runs a script with the first Python on this machine that can make the environment:
#     sh scripts/python.sh SCRIPT [ARGUMENT...]
# PYTHON=/path/to/python chooses one. With none, one line says what to install.
set -u

too_old=""
no_venv=""
for candidate in ${PYTHON:+"$PYTHON"} ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
    # A name on the PATH may be an empty promise (version managers leave such stubs): ask it.
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    if ! "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        too_old=${too_old:-"$candidate is $version"}
    elif ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        no_venv=${no_venv:-"$version"}
    else
        exec "$candidate" "$@"
    fi
done

if [ -n "$no_venv" ]; then
    echo "Python $no_venv has no venv module: install it (Debian, Ubuntu: apt-get install python$no_venv-venv) and run the command again." >&2
elif [ -n "${PYTHON:-}" ]; then
    echo "PYTHON=$PYTHON is no Python 3.11 or newer${too_old:+ ($too_old)}: name another one, or leave PYTHON away." >&2
else
    echo "Python 3.11 or newer is needed${too_old:+ ($too_old)}: install it (Debian, Ubuntu: apt-get install python3.11 python3.11-venv; macOS: brew install python@3.12) and run the command again, or name one with PYTHON=/path/to/python." >&2
fi
exit 1
