#!/usr/bin/env bash
# Builds the wasm module of one Go command: build.sh NAME OUT makes OUT from go/cmd/NAME. What was built before from the
# same sources with the same tools comes out of a cache, unless FRESH is set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/env.sh"
name=$1 out=$2
gc=leaking # an instance serves one session and is thrown away, so nothing need ever be freed
opt=z # 30 % smaller than 2, and no slower in a process that makes one call

root=$("$here/tinygo.sh")
if [[ -n ${TINYGO:-} ]]; then
  say "TINYGO is set: building with it, so the recorded SHA-256 need not match"
  tinygo=$TINYGO
  target=(-target wasm -buildmode c-shared -scheduler none)
else
  tinygo=$root/bin/tinygo
  target=(-target "$here/target.json")
  if GOTOOLCHAIN=$go_version go version >/dev/null 2>&1; then
    export GOTOOLCHAIN=$go_version
  else
    say "$go_version is not to be had: building with $(go env GOVERSION), so the recorded SHA-256 need not match"
  fi
fi
optimise=$here/../node_modules/.bin/wasm-opt

inputs=$({
  echo "$name $(go env GOVERSION) $("$optimise" --version)"
  sha256sum "$tinygo"
  dpkg-query -W "llvm-$llvm_version" wasi-libc 2>/dev/null
  find go go.mod go.sum toolchain -type f ! -name '*_test.go' ! -name '*.sha256' -print0 | sort -z | xargs -0 sha256sum
} | sha256sum)
cached=${XDG_CACHE_HOME:-$HOME/.cache}/tandem/$name-${inputs:0:32}.wasm

if [[ -n ${FRESH:-} || ! -f $cached ]]; then
  say "building $out"
  # With a cache of its own TinyGo starts from nothing: its own saves a second or two, and grows.
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # A function with one caller stays a function: V8 optimises one that is called often, not the long loop that calls it once.
  printf '#!/bin/sh\nexec "%s" "$@" --one-caller-inline-max-function-size=0\n' "$(realpath "$optimise")" >"$work/wasm-opt"
  chmod +x "$work/wasm-opt"
  GOCACHE=$(go env GOCACHE) XDG_CACHE_HOME=$work TINYGOROOT=$root WASMOPT=$work/wasm-opt GOFLAGS=-mod=readonly GOWORK=off \
    "$tinygo" build "${target[@]}" -gc "$gc" -panic trap -opt "$opt" -no-debug -interp-timeout 30m -o "$work/linked.wasm" "./go/cmd/$name"
  # TinyGo keeps the names of all functions; they are no use to an action.
  "$optimise" --strip-debug --strip-producers --strip-target-features "$work/linked.wasm" -o "$work/$name.wasm"
  mkdir -p "$(dirname "$cached")"
  new=$(mktemp "$cached.XXXXXX")
  install -m 644 "$work/$name.wasm" "$new"
  mv "$new" "$cached"
fi
install -m 644 "$cached" "$out"

read -r sum _ < <(sha256sum "$out")
grep -qs "^$sum " "$here/wasm.sha256" && recorded='as recorded' || recorded='not as recorded'
say "$out: $(wc -c <"$out") bytes, $(gzip -9c "$out" | wc -c) gzipped, SHA-256 $sum ($recorded)"
