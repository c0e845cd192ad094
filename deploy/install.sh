#!/bin/sh
# Installs Twofold into PREFIX, a folder that is empty or not there: deploy/install.sh PREFIX
#
# The image, a host with systemd (docs/deploying.md) and the boot gate (tests/e2e/test_boot_gate.py) are made by this.
# What is installed is locked, to the version and the hash of each file, and so is what builds the wheel. PYTHON names
# the interpreter: 3.11 to 3.13, with pip. Nothing is written outside PREFIX and a temporary folder; PREFIX gets no pip.
set -eu
prefix=$1
tree=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}

if [ -e "$prefix" ] && [ -n "$(ls -A "$prefix")" ]; then
	echo "$prefix is not empty: remove it, or name another folder" >&2
	exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# setuptools writes into the tree that it builds from, and the checkout may be read-only.
mkdir "$work/tree"
for part in pyproject.toml README.md LICENSE Procfile bus write_side read_side api; do
	cp -R "$tree/$part" "$work/tree/"
done
chmod -R u+w "$work/tree"

"$python" -m venv --without-pip "$prefix"
pip() { PYTHONPATH="$work/tools" "$python" -m pip "$@" --quiet --disable-pip-version-check --no-input; }
pip install --require-hashes --requirement "$tree/deploy/requirements-build.txt" --target "$work/tools"
pip wheel --no-deps --no-build-isolation --wheel-dir "$work" "$work/tree"
# uv, since it takes a fifth of pip's time. Modules are compiled now, as nobody may write there later.
install() {
	"$work/tools/bin/uv" pip install "$@" --quiet --no-config --no-cache --compile-bytecode \
		--link-mode copy --python "$prefix"
}
install --require-hashes --requirement "$tree/deploy/requirements-image.txt"
install --no-deps --no-index "$work"/twofold-*.whl
