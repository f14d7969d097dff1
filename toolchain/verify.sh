#!/usr/bin/env bash
# Rebuilds every recorded wasm module from scratch, in a copy of the tree, and compares it with its recorded SHA-256.
# With --record, records all modules named after it instead.
set -euo pipefail
cd "$(dirname "$0")/.."
source toolchain/env.sh
record=$PWD/toolchain/wasm.sha256

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R go go.mod go.sum toolchain "$copy"
ln -s "$PWD/node_modules" "$copy/node_modules"
mkdir "$copy/build"

if [[ ${1:-} == --record ]]; then
  shift
  modules=("$@")
else
  export FRESH=1
  mapfile -t modules < <(sed -n 's/^[0-9a-f]\{64\}  //p' "$record")
fi
cd "$copy"
for module in "${modules[@]}"; do
  toolchain/build.sh "$(basename "$module" .wasm)" "$module"
done

if [[ ${1:-} ]]; then
  sha256sum "${modules[@]}" >"$record"
  say "recorded in toolchain/wasm.sha256"
elif ! sha256sum -c "$record"; then
  die "a module differs from its record. After a change meant to alter it: make record. Without one, compare tools:" \
    "$(go env GOVERSION), $(clang-$llvm_version --version | head -n1), wasi-libc $(dpkg-query -W -f '${Version}' wasi-libc)"
fi
