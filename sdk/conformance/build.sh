#!/usr/bin/env bash
# Builds the conformance filter of each language, and each SDK's first filter.
#
#   build.sh [LANGUAGE...]             builds into modules/
#   build.sh --check [LANGUAGE...]     builds aside and compares: fails if a byte differs
#   build.sh --install [LANGUAGE...]   fetches missing compilers first, by apt and pip, into
#                                      ${FOREBAY_CI_CACHE:-~/.cache/forebay-ci}/guests where it can
#
# A language is one function here. `NAME OUT` builds the conformance filter; `NAME_first SOURCE OUT`
# builds the first filter, which stands in the first code block of the SDK's README.
# Exit codes: 0 ok, 1 failed or bytes differ, 2 usage, 3 a compiler is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
sdk=$(dirname "$here")
root=$(dirname "$sdk")
guests=${FOREBAY_CI_CACHE:-$HOME/.cache/forebay-ci}/guests
languages=(rust c cpp zig)

# ---- what a function may use

# need COMMAND PACKAGE...: by apt.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null && return 0
  if [ "$install" = 1 ]; then
    as_root apt-get update -qq >&2
    as_root apt-get install -y -qq --no-install-recommends "$@" >&2
    command -v "$command" >/dev/null && return 0
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

# recorded COMPILER FOUND WANTED: with another version the bytes may differ, and are not compared.
recorded() {
  if [ "$2" != "$3" ]; then
    echo "build.sh: $1 is $2, the modules were built by $3: their bytes are not compared" >&2
    compares=0
  fi
}

missing() {
  echo "build.sh: $1 is missing: build.sh --install fetches it, as does: $2" >&2
  exit 3
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

# ---- the languages

rust() {
  local option=
  [ "$check" = 0 ] || option=--check
  # All filters in Rust are built together, with a recorded toolchain.
  # shellcheck disable=SC2086 # no word when empty
  "$root/filters/build.sh" $option >&2
  cp "$here/modules/rust.wasm" "$1"
}

clang=19.1.7
c_flags=(--target=wasm32 -Oz -mbulk-memory -nostdlib -Wl,--no-entry -Wl,--stack-first -s
  -Wall -Wextra -Werror)

c_first() {
  need clang-19 clang-19 lld-19
  recorded clang-19 "$(clang-19 -dumpversion)" "$clang"
  clang-19 "${c_flags[@]}" -std=c99 -I"$sdk/c" -o "$2" "$1"
}

c() { c_first "$here/c/filter.c" "$1"; }

cpp_first() {
  need clang++-19 clang-19 lld-19
  recorded clang++-19 "$(clang++-19 -dumpversion)" "$clang"
  clang++-19 "${c_flags[@]}" -std=c++17 -fno-exceptions -fno-rtti -I"$sdk/c" -I"$sdk/cpp" \
    -o "$2" "$1"
}

cpp() { cpp_first "$here/cpp/filter.cpp" "$1"; }

zig_build() {
  need_python ziglang 0.17.1
  "$python" -m ziglang build-exe -target wasm32-freestanding -O ReleaseSmall -fno-entry -rdynamic \
    --name filter "$@"
}

zig_first() {
  cp "$sdk/zig/forebay.zig" "$(dirname "$1")"
  zig_build "$1" "-femit-bin=$2"
}

zig() {
  zig_build --dep forebay "-Mroot=$here/zig/filter.zig" "-Mforebay=$sdk/zig/forebay.zig" \
    "-femit-bin=$1"
}

# ---- the rest

# first_filter LANGUAGE: the first code block in that language of the SDK's README.
first_filter() {
  sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$sdk/$1/README.md" | sed -e 1d -e '/^```$/,$d'
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
    echo "DIFFERS sdk/conformance/modules/$language.wasm: run build.sh $language" >&2
    differ=1
  fi
  tell "$built" "sdk/conformance/modules/$language.wasm"
  if [ "$(type -t "${language}_first")" = function ]; then
    mkdir "$stage/$language"
    first_filter "$language" >"$stage/$language/first.$language"
    "${language}_first" "$stage/$language/first.$language" "$stage/$language/first.wasm"
    tell "$stage/$language/first.wasm" "the first filter of sdk/$language/README.md"
  fi
done
exit "$differ"
