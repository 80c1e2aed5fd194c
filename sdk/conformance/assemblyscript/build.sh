#!/bin/sh
# Builds the conformance filter into the file that $1 names. Installs nothing.
set -eu
out=$(realpath -m "${1:?usage: build.sh OUT.wasm}")
cd "$(dirname "$0")"
sdk=$(realpath ../../assemblyscript)

# asc of $ASC, of a folder above this one or of the PATH.
asc=${ASC:-}
at=$PWD
while [ -z "$asc" ] && [ "$at" != / ]; do
    if [ -x "$at/node_modules/.bin/asc" ]; then asc=$at/node_modules/.bin/asc; fi
    at=$(dirname "$at")
done
if ! command -v "${asc:=asc}" >/dev/null; then
    echo "no asc: npm install assemblyscript@0.28.20, or name it in ASC" >&2
    exit 1
fi

# The compiler looks for packages in node_modules alone. It gets one for the time of the build, so
# that the SDK is the one beside, whatever was installed.
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
package=$build/node_modules/forebay-filter
mkdir -p "$package"
cp -R "$sdk/asconfig.json" "$sdk/index.ts" "$sdk/exports.ts" "$sdk/assembly" "$package"
cp filter.ts "$build"
cd "$build"
"$asc" filter.ts --config node_modules/forebay-filter/asconfig.json --outFile filter.wasm
cp filter.wasm "$out"
