#!/bin/sh
# Makes `cargo build --target wasm32-unknown-unknown` work where rustup may download nothing.
#
#   rust-wasm-setup.sh [--pinned] [DIR]
#   then: DIR/bin/wasm-cargo build --release --target wasm32-unknown-unknown
#
# DIR is $WASM_RUST_DIR or ~/.cache/wasm-rust when not named. Safe to run again: what is there is
# kept. A toolchain of rustup's that already has the target is preferred; WASM_RUST_USE_RUSTUP=1
# lets rustup fetch it. --pinned never looks at rustup: the shipped filters are built that way,
# so that everybody gets the same bytes.
set -eu

pinned=0
if [ "${1:-}" = --pinned ]; then pinned=1; shift; fi
D=${1:-${WASM_RUST_DIR:-$HOME/.cache/wasm-rust}}
mkdir -p "$D/bin"
D=$(cd "$D" && pwd)
TARGET=wasm32-unknown-unknown
PACKAGES="rustc-web cargo-web rust-web-src lld-22"

rustup_has_target() { rustup target list --installed 2>/dev/null | grep -qx "$TARGET"; }
if [ "$pinned" = 0 ] && command -v rustup >/dev/null 2>&1; then
  if ! rustup_has_target && [ "${WASM_RUST_USE_RUSTUP:-0}" = 1 ]; then
    rustup target add "$TARGET" || true
  fi
  if rustup_has_target; then
    printf '#!/bin/sh\nexec cargo "$@"\n' > "$D/bin/wasm-cargo"
    chmod +x "$D/bin/wasm-cargo"
    echo "rustup provides $TARGET: $D/bin/wasm-cargo is plain cargo"
    exit 0
  fi
fi

# Debian has a rustc and the standard library's source of the same version.
if [ ! -x /usr/bin/cargo ] || [ ! -d /usr/lib/rustlib/src/rust/library ] ||
   ! command -v wasm-ld-22 >/dev/null 2>&1; then
  command -v apt-get >/dev/null 2>&1 || {
    echo "rust-wasm-setup: this way needs Debian and its packages $PACKAGES." >&2
    echo "  To build filters of your own elsewhere: rustup target add $TARGET" >&2
    exit 1
  }
  apt-get update -qq
  # shellcheck disable=SC2086 # one word per package
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $PACKAGES \
    </dev/null
fi

# The standard library is built once for each version of rustc. It is built with bitcode, for a
# filter with `lto = true` needs it, and with no path of this machine in it.
VERSION=$(/usr/bin/rustc -V | tr ' ' '-' | tr -d '()')
HOST=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
SYSROOT="$D/sysroot-$VERSION-1"
if [ ! -e "$SYSROOT/.done" ]; then
  BUILD="$D/stdbuild"
  LIB="$SYSROOT/lib/rustlib/$TARGET/lib"
  rm -rf "$SYSROOT" "$BUILD"
  mkdir -p "$LIB" "$BUILD/src"
  : > "$BUILD/src/lib.rs"
  cat > "$BUILD/Cargo.toml" <<'TOML'
[package]
name = "stdbuild"
version = "0.0.0"
edition = "2021"
[profile.release]
opt-level = "s"
[workspace]
TOML
  (
    cd "$BUILD"
    unset RUSTUP_TOOLCHAIN CARGO_ENCODED_RUSTFLAGS RUSTC_WRAPPER || true
    export PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
    RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$D=/toolchain"
    export RUSTFLAGS CARGO_TARGET_DIR="$BUILD/target"
    /usr/bin/cargo build --release -Zbuild-std=std,panic_abort --target "$TARGET"
  )
  cp "$BUILD/target/$TARGET"/release/deps/*.rlib "$LIB/"
  rm -f "$LIB"/libstdbuild*.rlib
  ln -s "/usr/lib/rustlib/$HOST" "$SYSROOT/lib/rustlib/$HOST"
  rm -rf "$BUILD"
  touch "$SYSROOT/.done"
fi

# The host's own std serves proc macros and build scripts, ours serves wasm32.
cat > "$D/bin/wasm-rustc" <<W
#!/bin/sh
exec /usr/bin/rustc --sysroot "$SYSROOT" "\$@"
W
cat > "$D/bin/wasm-cargo" <<W
#!/bin/sh
unset RUSTUP_TOOLCHAIN RUSTC_WRAPPER
PATH=/usr/bin:/bin:\$PATH; export PATH
RUSTC="$D/bin/wasm-rustc"; export RUSTC
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
exec /usr/bin/cargo "\$@"
W
chmod +x "$D/bin/wasm-rustc" "$D/bin/wasm-cargo"
echo "ready: $D/bin/wasm-cargo build --release --target $TARGET"
