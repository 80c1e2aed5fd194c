#!/bin/sh
# Builds runner.wasm: RustPython and the sources in runner/, the same bytes everywhere.
#
#   sdk/python/build.sh            builds, and puts runner.wasm beside this file
#   sdk/python/build.sh --check    builds aside and compares: fails if a byte differs
#   sdk/python/build.sh --sources  builds nothing: fails if runner.wasm was built from other sources
#                                  than those that are here
#
# Users need none of this: the runner is part of the binary, scripts are configuration. A build
# takes many minutes; RUNNER_BUILD=DIR keeps what was compiled in DIR for the next one.
#
# The crates are those of runner/Cargo.lock, and those that `borrow.sh` fetches and changes. The
# toolchain is that of the filters that ship with Forebay (sdk/toolchain/pinned).
#
# Exit codes: 0 ok, 1 failed or bytes differ, 2 usage, 3 another toolchain than the recorded one.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
sdk=$(dirname "$here")
mode=${1:-}
case $mode in '' | --check | --sources) ;; *) sed -n '2,8p' "$0" >&2; exit 2 ;; esac

# What runner.wasm was built from, and what it was built into: the file `built`.
built() {
  sources=$(cd "$sdk" && find python/runner python/*.sh python/pinned toolchain/pinned \
    rust/src rust/Cargo.toml -type f \
    ! -path '*/target/*' ! -path '*/borrowed/*' | LC_ALL=C sort | xargs sha256sum | sha256sum)
  echo "sources=${sources%% *}"
  echo "runner=$(sha256sum < "$here/runner.wasm" | cut -d' ' -f1)"
}

if [ "$mode" = --sources ]; then
  built | cmp -s - "$here/built" && exit 0
  echo "DIFFERS sdk/python/runner.wasm was built from other sources: run sdk/python/build.sh" >&2
  exit 1
fi

tools=${WASM_RUST_DIR:-$HOME/.cache/wasm-rust}
sh "$sdk/toolchain/rust-wasm-setup.sh" --pinned "$tools" >&2
tools=$(cd "$tools" && pwd)
for package in rustc-web cargo-web rust-web-src lld-22; do
  found=$package=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || echo none)
  if ! grep -qxF "$found" "$sdk/toolchain/pinned"; then
    echo "build.sh: $found is not what $sdk/toolchain/pinned records: the bytes would differ." >&2
    echo "  Install that version, or move the record on (filters/build.sh --pin), build, run" >&2
    echo "  the tests (cargo test -p filter) and commit it all." >&2
    exit 3
  fi
done

if [ -n "${RUNNER_BUILD:-}" ]; then
  mkdir -p "$RUNNER_BUILD"
  build=$(cd "$RUNNER_BUILD" && pwd -P)
else
  build=$(mktemp -d)
  build=$(cd "$build" && pwd -P)
  trap 'rm -rf "$build"' EXIT
  trap 'exit 1' HUP INT TERM
fi

# One workspace in a copy gives every crate a place relative to its root, so no path of this machine
# gets into a crate's hash, nor, by the remapping, into a panic's message. What has not changed keeps
# its time, so that it is not compiled again.
stage=$build/stage
mkdir -p "$stage/forebay-filter"
# copied FROM TO: as `cp -R`, for what differs alone.
copied() {
  (cd "$1" && find . -type f ! -path './target/*' ! -path './borrowed/*') | while read -r file; do
    cmp -s "$1/$file" "$2/$file" && continue
    mkdir -p "$(dirname "$2/$file")"
    cp "$1/$file" "$2/$file"
  done
}
rm -rf "$build/fresh"
mkdir -p "$build/fresh/forebay-filter"
cp -R "$here/runner/src" "$here/runner/frozen" "$here/runner/Cargo.toml" \
  "$here/runner/Cargo.lock" "$build/fresh"
cp -R "$sdk/rust/src" "$sdk/rust/Cargo.toml" "$sdk/rust/README.md" "$build/fresh/forebay-filter"
sed -i '/^\[workspace\]/d' "$build/fresh/forebay-filter/Cargo.toml"
sed -i -e 's|"\.\./\.\./rust"|"forebay-filter"|' -e \
  's|^\[workspace\]|[workspace]\nmembers = [".", "borrowed/derive-impl", "forebay-filter"]|' \
  "$build/fresh/Cargo.toml"

copied "$build/fresh" "$stage"
sh "$here/borrow.sh" "$build/fresh"
copied "$build/fresh/borrowed" "$stage/borrowed"
(cd "$stage" && find . -type f) | while read -r file; do
  [ -e "$build/fresh/$file" ] || rm "$stage/$file"
done

(
  cd "$stage"
  unset CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR RUSTFLAGS CARGO_BUILD_RUSTFLAGS || true
  for name in $(env | sed -n 's/^\(CARGO_PROFILE_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
  us=$(printf '\037')
  # There is no chance but the event's own: whatever else asks for it fails.
  flags="--cfg${us}getrandom_backend=\"unsupported\""
  flags="$flags$us--remap-path-prefix=$build/target=/target"
  flags="$flags$us--remap-path-prefix=$stage=/forebay"
  flags="$flags$us--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
  flags="$flags$us--remap-path-prefix=$tools=/toolchain"
  # Python's own limit of the stack is met before the host's, which would be a trap.
  flags="$flags$us-Clink-arg=-zstack-size=262144"
  CARGO_ENCODED_RUSTFLAGS=$flags
  # RustPython's build script asks git for the hour of the last commit, and where there is none puts
  # the hour of the build into `sys.version`.
  mkdir -p "$build/answers"
  printf '#!/bin/sh\n[ "$1" = log ] && echo 0\n' > "$build/answers/git"
  chmod +x "$build/answers/git"
  sed "s|^PATH=|PATH=$build/answers:|" "$tools/bin/wasm-cargo" > "$build/wasm-cargo"
  TZ=UTC
  export CARGO_ENCODED_RUSTFLAGS TZ
  sh "$build/wasm-cargo" build --locked --release --lib --target wasm32-unknown-unknown \
    --target-dir "$build/target"
) >&2

made=$build/target/wasm32-unknown-unknown/release/python_runner.wasm
echo "$(sha256sum < "$made" | cut -d' ' -f1) $(wc -c < "$made") sdk/python/runner.wasm"
if [ "$mode" != --check ]; then
  install -m 644 "$made" "$here/runner.wasm"
  built > "$here/built"
elif ! cmp -s "$made" "$here/runner.wasm"; then
  echo "DIFFERS sdk/python/runner.wasm: run sdk/python/build.sh and commit it" >&2
  exit 1
fi
