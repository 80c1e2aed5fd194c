#!/bin/sh
# Puts what the runner borrows of RustPython's crates, beside those that cargo fetches, where its
# sources look for it: runner/borrowed.
#
#   sdk/python/borrow.sh [FOLDER]    the folder of the runner, if it is a copy
#
# `pinned` names the crates. Some come whole and are changed here; of the standard library a few
# files are taken, as they are.
# Exit codes: 0 ok, 1 failed.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
runner=${1:-$here/runner}
into=$runner/borrowed
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' HUP INT TERM

pin() { sed -n "s/^$1=//p" "$here/pinned"; }

crates="rustpython-derive-impl rustpython-stdlib rustpython-pylib"
mkdir -p "$stage/fetch/src"
: > "$stage/fetch/src/lib.rs"
{
  printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n'
  printf '[dependencies]\n'
  for crate in $crates; do printf '%s = "=%s"\n' "$crate" "$(pin "$crate")"; done
} > "$stage/fetch/Cargo.toml"
cargo fetch --quiet --manifest-path "$stage/fetch/Cargo.toml" >&2
for crate in $crates; do
  name=$crate-$(pin "$crate")
  archive=$(ls "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$name.crate" | head -n 1)
  if ! echo "$(pin "$crate-sha256")  $archive" | sha256sum --check --quiet - >&2; then
    echo "borrow.sh: $archive is not the crate that \`pinned\` names" >&2
    exit 1
  fi
  tar -xzf "$archive" -C "$stage"
  mv "$stage/$name" "$stage/$crate"
done

# changed FILE WORDS: that a change has been made.
changed() {
  grep -qF "$2" "$1" && return 0
  echo "borrow.sh: ${1#"$stage"/} is not what it was" >&2
  exit 1
}

# Frozen modules and properties come in the order of a hash table with a seed of chance: the bytes
# of the runner would be others in each build.
frozen=$stage/rustpython-derive-impl/src/compile_bytecode.rs
sed -i 's/^    collections::HashMap,/    collections::BTreeMap as HashMap,/' "$frozen"
changed "$frozen" 'collections::BTreeMap as HashMap,'
properties=$stage/rustpython-derive-impl/src/pyclass.rs
sed -i 's/let properties = self\.map\.iter()\.map(/let mut sorted: Vec<_> = self.map.iter().collect();\
        sorted.sort_by(|((a, _), _), ((b, _), _)| a.cmp(b));\
        let properties = sorted.into_iter().map(/' "$properties"
changed "$properties" 'let properties = sorted.into_iter().map('

rm -rf "$into"
mkdir -p "$into/modules" "$into/frozen"
rm -f "$stage/rustpython-derive-impl"/Cargo.toml.orig "$stage/rustpython-derive-impl"/Cargo.lock
cp -R "$stage/rustpython-derive-impl" "$into/derive-impl"
for file in math _datetime; do
  cp "$stage/rustpython-stdlib/src/$file.rs" "$into/modules/"
done
# The machine's clock is not there; the event's is.
sed -i 's/std::time::SystemTime::now()/crate::host::now()/' "$into/modules/_datetime.rs"
changed "$into/modules/_datetime.rs" 'let now = crate::host::now();'
lib=$stage/rustpython-pylib/Lib
cp -R "$lib/re" "$into/frozen/"
# Ours is runner/frozen/re.
rm "$into/frozen/re/__init__.py"
for file in enum functools types operator keyword reprlib abc _collections_abc; do
  cp "$lib/$file.py" "$into/frozen/"
done
mkdir "$into/frozen/collections"
cp "$lib/collections/__init__.py" "$into/frozen/collections/"
cp "$lib/PSF-LICENSE" "$into/"
