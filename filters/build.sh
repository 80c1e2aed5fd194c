#!/bin/sh
# Builds every Rust filter of this repository to WebAssembly, the same bytes everywhere.
#
#   filters/build.sh            builds, and puts each <name>.wasm beside its source
#   filters/build.sh --check    builds aside and compares: fails if a byte differs
#   filters/build.sh --pin      records the toolchain that is installed here, then builds
#
# To build a filter of your own you need none of this: with the target installed
# (`rustup target add wasm32-unknown-unknown`), `cargo build --release` does it.
#
# Exit codes: 0 ok, 1 failed or bytes differ, 2 usage, 3 another toolchain than the recorded one.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
root=$(dirname "$here")
pins=$root/sdk/toolchain/pinned
mode=${1:-}
case $mode in '' | --check | --pin) ;; *) sed -n '2,6p' "$0" >&2; exit 2 ;; esac

# Name of each filter and the place of its module, one per line.
filters() {
  for manifest in "$root"/filters/*/Cargo.toml "$root"/examples/filters/*/Cargo.toml; do
    if grep -q '"cdylib"' "$manifest"; then
      folder=$(dirname "$manifest")
      name=$(basename "$folder")
      echo "$name ${folder#"$root"/}/$name.wasm"
    fi
  done
  echo "conformance sdk/conformance/modules/rust.wasm"
}

toolchain() {
  for package in rustc-web cargo-web rust-web-src lld-22; do
    echo "$package=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || echo none)"
  done
}

dir=${WASM_RUST_DIR:-$HOME/.cache/wasm-rust}
sh "$root/sdk/toolchain/rust-wasm-setup.sh" --pinned "$dir" >&2
dir=$(cd "$dir" && pwd)
if [ "$mode" = --pin ]; then
  toolchain > "$pins"
elif [ "$(toolchain)" != "$(cat "$pins")" ]; then
  {
    echo "build.sh: the toolchain here is not the recorded one, so the bytes would differ."
    toolchain | diff "$pins" - | sed -n 's/^< /  recorded  /p; s/^> /  installed /p'
    echo "Either install the recorded versions, or move the record on: run"
    echo "  filters/build.sh --pin"
    echo "then the filters' tests (cargo test in filters/), and commit the .wasm files with"
    echo "sdk/toolchain/pinned."
  } >&2
  exit 3
fi

# The sources are built in a copy. A workspace that holds the SDK and the filters alike gives
# every crate a place relative to its root, so no path of this machine gets into a crate's hash,
# nor, by the remapping, into a panic's message.
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' HUP INT TERM
stage=$(cd "$stage" && pwd -P)
mkdir -p "$stage/sdk" "$stage/examples"
sources="sdk/rust sdk/conformance/rust filters examples/filters"
# shellcheck disable=SC2086 # several words
(cd "$root" && tar -cf - --exclude=target --exclude='*.wasm' $sources) | tar -xf - -C "$stage"
sed -i '/^\[workspace\]/d' "$stage/sdk/rust/Cargo.toml"
sed -i '/^workspace = /d' "$stage"/examples/filters/*/Cargo.toml \
  "$stage/sdk/conformance/rust/Cargo.toml"
sed -e 's|"\.\./examples/|"examples/|' -e 's|"\.\./sdk/|"sdk/|' \
  -e 's|^    "\([a-z]\)|    "filters/\1|' -e 's|"filters/examples/|"examples/|' -e 's|"filters/sdk/|"sdk/|' \
  -e 's|path = "cases"|path = "filters/cases"|' "$here/Cargo.toml" > "$stage/Cargo.toml"
rm "$stage/filters/Cargo.toml"
mv "$stage/filters/Cargo.lock" "$stage/Cargo.lock"

packages=$(filters | while read -r name _; do printf ' -p %s' "$name"; done)
(
  cd "$stage"
  unset CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR RUSTFLAGS CARGO_BUILD_RUSTFLAGS || true
  for name in $(env | sed -n 's/^\(CARGO_PROFILE_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
  us=$(printf '\037')
  CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$stage=/forebay"
  CARGO_ENCODED_RUSTFLAGS="$CARGO_ENCODED_RUSTFLAGS$us--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
  CARGO_ENCODED_RUSTFLAGS="$CARGO_ENCODED_RUSTFLAGS$us--remap-path-prefix=$dir=/toolchain"
  export CARGO_ENCODED_RUSTFLAGS
  # shellcheck disable=SC2086 # several words
  "$dir/bin/wasm-cargo" build --locked --release --lib --target wasm32-unknown-unknown $packages
) >&2

differ=0
filters > "$stage/list"
while read -r name place; do
  built=$stage/target/wasm32-unknown-unknown/release/$(echo "$name" | tr - _).wasm
  kept=$root/$place
  if [ "$mode" != --check ]; then
    install -m 644 "$built" "$kept"
  elif ! cmp -s "$built" "$kept"; then
    echo "DIFFERS $place: run filters/build.sh and commit it" >&2
    differ=1
  fi
  echo "$(sha256sum < "$built" | cut -d' ' -f1) $(wc -c < "$built") $place"
done < "$stage/list"
exit "$differ"
