#!/bin/sh
# Builds runner.wasm: QuickJS and the C sources in src/, the same bytes everywhere.
#
#   sdk/javascript/build.sh            builds, and puts runner.wasm beside this file
#   sdk/javascript/build.sh --check    builds aside and compares: fails if a byte differs
#
# Users need none of this: the runner is in the repository, scripts are configuration.
# The file `pinned` says of which sources and with which tools the runner was built. QuickJS comes
# from crates.io, in the crate that is named there; set QUICKJS_CRATE to a copy of it to build
# without a network.
#
# Exit codes: 0 ok, 1 failed or bytes differ, 2 usage, 3 a tool is missing or another version.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
mode=${1:-}
case $mode in '' | --check) ;; *) sed -n '2,5p' "$0" >&2; exit 2 ;; esac

pin() { sed -n "s/^$1=//p" "$here/pinned"; }

packages="clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32"
if ! command -v clang-19 >/dev/null 2>&1 || ! command -v wasm-ld-19 >/dev/null 2>&1 ||
   [ ! -d /usr/include/wasm32-wasi ]; then
  echo "build.sh: clang 19 for wasm32-wasi is missing. On Debian 12:" >&2
  echo "  apt-get install --no-install-recommends $packages" >&2
  exit 3
fi
for package in $packages; do
  found=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || echo none)
  if [ "$found" != "$(pin "$package")" ]; then
    echo "build.sh: $package is $found, the runner was built with $(pin "$package")." >&2
    echo "  The bytes would differ. Install that version, or write $found to $here/pinned," >&2
    echo "  build, run the tests (cargo test -p filter) and commit both." >&2
    exit 3
  fi
done

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' HUP INT TERM
crate=rquickjs-sys-$(pin rquickjs-sys)

fetch() {
  mkdir -p "$stage/fetch/src"
  : > "$stage/fetch/src/lib.rs"
  cat > "$stage/fetch/Cargo.toml" <<TOML
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"
[dependencies]
rquickjs-sys = "=$(pin rquickjs-sys)"
[workspace]
TOML
  cargo fetch --quiet --manifest-path "$stage/fetch/Cargo.toml" >&2
  ls "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$crate.crate" | head -n 1
}

archive=${QUICKJS_CRATE:-$(fetch)}
if ! echo "$(pin sha256)  $archive" | sha256sum --check --quiet - >&2; then
  echo "build.sh: $archive is not the crate that \`pinned\` names" >&2
  exit 1
fi
tar -xzf "$archive" -C "$stage"
engine=$stage/$crate/quickjs

# QuickJS knows no limit of the stack on WASI, and would run into the host's. The check works:
# the address of a frame is one in the module's own stack.
sed -i '/^static void update_stack_limit/,/^}/s/defined(__wasi__)/0/' "$engine/quickjs.c"
if sed -n '/^static void update_stack_limit/,/^}/p' "$engine/quickjs.c" | grep -q __wasi__; then
  echo "build.sh: update_stack_limit in quickjs.c is not what it was" >&2
  exit 1
fi

# EMSCRIPTEN only turns off computed gotos here, which WebAssembly has not.
common="--target=wasm32-wasi -O2 -mbulk-memory -mnontrapping-fptoint -D_GNU_SOURCE -DNDEBUG"
common="$common -DEMSCRIPTEN -fwrapv -fno-strict-aliasing -ffile-prefix-map=$stage=/runner"
mkdir "$stage/objects"
for part in quickjs libregexp libunicode dtoa; do
  # shellcheck disable=SC2086 # several words
  clang-19 $common -w -c "$engine/$part.c" -o "$stage/objects/$part.o"
done
for part in runner event answer bytes globals json_read json_write; do
  # shellcheck disable=SC2086 # several words
  clang-19 $common -std=c23 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-c23-extensions \
    -ffile-prefix-map="$here"=/runner -I"$engine" -c "$here/src/$part.c" \
    -o "$stage/objects/$part.o"
done
# Names of functions stay, for the host's backtraces.
clang-19 --target=wasm32-wasi -mexec-model=reactor -O2 -Wl,-z,stack-size=1048576 \
  -Wl,--stack-first -Wl,--strip-debug -o "$stage/runner.wasm" "$stage"/objects/*.o -lm

built=$(sha256sum < "$stage/runner.wasm" | cut -d' ' -f1)
echo "$built $(wc -c < "$stage/runner.wasm") sdk/javascript/runner.wasm"
if [ "$mode" != --check ]; then
  install -m 644 "$stage/runner.wasm" "$here/runner.wasm"
elif ! cmp -s "$stage/runner.wasm" "$here/runner.wasm"; then
  echo "DIFFERS sdk/javascript/runner.wasm: run sdk/javascript/build.sh and commit it" >&2
  exit 1
fi
