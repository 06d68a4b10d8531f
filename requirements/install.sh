#!/bin/sh
# Make .venv and fill it from a hashed requirements file: with uv where there is one, else with pip.
# Usage: install.sh PYTHON REQUIREMENTS
set -eu
python=$1
requirements=$2
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'; then
  echo "Handrail needs Python 3.11, 3.12 or 3.13; $python is $("$python" --version). Try: make PYTHON=python3.12 ..." >&2
  exit 1
fi
echo "Setting up .venv ($requirements) ..." >&2
if command -v uv >/dev/null 2>&1; then
  [ -x .venv/bin/python ] || uv venv -q --python "$python" .venv
  uv pip install -q --python .venv/bin/python --require-hashes -r "$requirements"
  uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
else
  [ -x .venv/bin/pip ] || "$python" -m venv .venv
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$requirements"
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
fi
