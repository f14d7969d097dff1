#!/usr/bin/env bash
# Prints the folder (TINYGOROOT) of the pinned TinyGo, which it first builds from its Go module into the cache
# unless that was done. With TINYGO=path set, prints the folder of that one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/env.sh"

if [[ -n ${TINYGO:-} ]]; then
  "$TINYGO" env TINYGOROOT
  exit
fi

"$here/packages.sh"
command -v go >/dev/null || die "Go is needed (${go_version#go} or later)"

recipe=$({ cat "$here/env.sh" "$here/tinygo.sh"; uname -sm; } | sha256sum)
root=${XDG_CACHE_HOME:-$HOME/.cache}/tandem/tinygo-${tinygo_version#v}-${recipe:0:16}
if [[ ! -d $root ]]; then
  say "building TinyGo ${tinygo_version#v} into $root"
  mkdir -p "$(dirname "$root")"
  build=$(mktemp -d "$root.XXXXXX")
  trap 'rm -rf "$build"' EXIT
  cd "$build" # outside any Go module

  module=$(GOFLAGS='' GOWORK=off go mod download -json "github.com/tinygo-org/tinygo@$tinygo_version") || die "$module"
  grep -qF "\"Sum\": \"$tinygo_sum\"" <<<"$module" || die "TinyGo's module is not the pinned one: $module"
  cp -R "$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<<"$module")" root
  chmod -R u+w root
  cd root
  mkdir -p src/net/http # a submodule, which the module's zip lacks; nothing here uses it
  CC=clang-$llvm_version CXX=clang++-$llvm_version CGO_ENABLED=1 GOFLAGS='' \
    go build -trimpath -tags "llvm$llvm_version" -o bin/tinygo .
  mv -T "$build/root" "$root" 2>/dev/null || [[ -x $root/bin/tinygo ]] # else another make was faster
fi
echo "$root"
