#!/usr/bin/env bash
# ./build.sh       builds dist/infrakit.pyz, dist/install.py and dist/SHA256SUMS, and compiles the full example
# ./build.sh test  builds, installs what the tests need (as root on a Debian-like machine), and runs every test
# ./build.sh soak [NAME]  the same for what takes long or is left to chance: whole machines, power cuts, kills (pytest -k NAME)
set -euo pipefail
cd "$(dirname "$0")"
umask 022
unset PYTHONPATH PYTHONHOME

python=${PYTHON:-python3}

venv() { # venv NAME REQUIREMENTS: a virtual environment under .build, made again when its requirements change
	local place=.build/$1
	if ! cmp -s "$2" "$place/requirements.txt"; then
		rm -rf "$place"
		"$python" -m venv "$place"
		"$place/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$2"
		cp "$2" "$place/requirements.txt"
	fi
}

build() {
	mkdir -p .build
	venv tools infrakit/packaging/tools.txt
	.build/tools/bin/python infrakit/packaging/build.py
	rm -rf dist/example
	"$python" dist/infrakit.pyz compile --example full --no-secrets -o dist/example
	(cd dist && find . -type f | LC_ALL=C sort)
}

prepare() {
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		tests/tools/install.sh
	fi
	build
	if ! cmp -s tests/requirements.txt .build/tests/requirements.txt; then
		rm -rf .build/tests
		"$python" -m venv .build/tests
		.build/tests/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
		cp tests/requirements.txt .build/tests/requirements.txt
	fi
}

check() {
	prepare
	.build/tests/bin/python -m pytest -n "${WORKERS:-3}" --dist loadgroup --no-loadscope-reorder "$@"
}

case "${1:-build}" in
build) build ;;
test) shift && check "$@" ;;
soak) prepare && .build/tests/bin/python -m pytest -m soak -k "${2:-}" --durations=0 -s ;;
*) echo "usage: ./build.sh [test | soak [NAME]]" >&2 && exit 2 ;;
esac
