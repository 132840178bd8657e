#!/usr/bin/env bash
# ./build.sh       builds dist/infrakit.pyz, dist/install.py and dist/SHA256SUMS, and compiles the full example
# ./build.sh test  builds, installs what the tests need (as root on a Debian-like machine), and runs every test
# ./build.sh soak [NAME]  the same for what takes long or is left to chance: whole machines, power cuts, kills (pytest -k NAME)
set -euo pipefail
cd "$(dirname "$0")"
umask 022
unset PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

python=${PYTHON:-python3}

wheels=${INFRAKIT_WHEELS:-.build/wheels}
requirements=(-r infrakit/packaging/tools.txt -r infrakit/packaging/runtime.txt)

# What the build is made from, fetched once and held to its hashes; INFRAKIT_WHEELS is such a folder that is there already.
fetch() {
	local wanted
	wanted=$(cat infrakit/packaging/tools.txt infrakit/packaging/runtime.txt)
	if [ "$(cat "$wheels/fetched" 2>/dev/null)" != "$wanted" ]; then
		rm -rf "$wheels" .build/tools
		"$python" -m venv .build/tools
		.build/tools/bin/python -m pip download --quiet --disable-pip-version-check --retries 10 --no-deps --require-hashes \
			--only-binary=:all: --platform any --implementation py --abi none --python-version 3.11 -d "$wheels" "${requirements[@]}"
		printf '%s\n' "$wanted" >"$wheels/fetched"
	fi
	if ! cmp -s infrakit/packaging/tools.txt .build/tools/requirements.txt; then
		rm -rf .build/tools
		"$python" -m venv .build/tools
		.build/tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-index --find-links "$wheels" \
			-r infrakit/packaging/tools.txt
		cp infrakit/packaging/tools.txt .build/tools/requirements.txt
	fi
}

# What it is built from and to, as one digest: `test` after a build does not build again.
state() {
	(git ls-files -z --cached --others --exclude-standard infrakit schema blueprints && printf 'dist/infrakit.pyz\0dist/install.py\0') |
		xargs -0 sha256sum 2>&1 | sha256sum
}

build() {
	mkdir -p .build
	fetch
	.build/tools/bin/python infrakit/packaging/build.py "$wheels"
	rm -rf dist/example
	"$python" dist/infrakit.pyz compile --example full --no-secrets -o dist/example
	state >.build/built
	(cd dist && find . -type f | LC_ALL=C sort)
}

prepare() {
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		tests/tools/install.sh
	fi
	[ "$(cat .build/built 2>/dev/null)" = "$(state)" ] || build
	if ! cmp -s tests/requirements.txt .build/tests/requirements.txt; then
		rm -rf .build/tests
		"$python" -m venv .build/tests
		.build/tests/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
		cp tests/requirements.txt .build/tests/requirements.txt
	fi
}

# Bytecode of the tests that are new, by one process: each worker would rewrite all their assertions at the same time.
rewrite() {
	local rewritten=.build/tests/rewritten
	[ -e "$rewritten" ] && [ -z "$(find tests -name '*.py' -newer "$rewritten")" ] && return
	.build/tests/bin/python -m pytest --collect-only -qq "$@" >/dev/null 2>&1 || true # the run itself says what is wrong
	touch "$rewritten"
}

check() {
	prepare
	rewrite "$@"
	.build/tests/bin/python -m pytest -n "${WORKERS:-7}" --dist loadgroup --no-loadscope-reorder "$@"
}

case "${1:-build}" in
build) build ;;
test) shift && check "$@" ;;
soak) prepare && .build/tests/bin/python -m pytest -m soak -k "${2:-}" --durations=0 -s ;;
*) echo "usage: ./build.sh [test | soak [NAME]]" >&2 && exit 2 ;;
esac
