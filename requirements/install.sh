#!/bin/sh
# Make an environment and fill it from a hashed requirements file: with uv where there is one, else with pip.
# Every file is held against its hashes, and only wheels are taken: nothing of a package runs to install it.
# Usage: install.sh PYTHON REQUIREMENTS [ENVIRONMENT [SOURCES]]; .venv gets the product, too, any other only the
# requirements. SOURCES, hashed as well, are what is served as source alone: their setup.py runs, with nothing
# but what REQUIREMENTS installed.
set -eu
python=$1
requirements=$2
place=${3:-.venv}
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'; then
  echo "Handrail needs Python 3.11, 3.12 or 3.13; $python is $("$python" --version). Try: make PYTHON=python3.12 ..." >&2
  exit 1
fi
echo "Setting up $place ($requirements) ..." >&2
if command -v uv >/dev/null 2>&1; then
  [ -x "$place/bin/python" ] || uv venv -q --python "$python" "$place"
  install="uv pip install -q --python $place/bin/python"
else
  [ -x "$place/bin/pip" ] || "$python" -m venv "$place"
  # Python compiles what it imports, which is a small part of what lies there.
  install="$place/bin/python -m pip install -q --disable-pip-version-check --no-compile"
fi
$install --require-hashes --only-binary :all: -r "$requirements"
[ -z "${4:-}" ] || $install --require-hashes --no-deps --no-build-isolation -r "$4"
[ "$place" != .venv ] || $install --no-deps --no-build-isolation -e .
