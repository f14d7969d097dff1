#!/usr/bin/env bash
# Checks ts/runtime/lit-node-client against the package itself, which is installed (700 MB) outside of the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=7.4.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tandem/lit-node-client-$version
if [ ! -e "$cache/node_modules/@lit-protocol/lit-node-client/package.json" ]; then
  mkdir -p "$cache"
  echo '{ "private": true }' > "$cache/package.json"
  npm install --prefix "$cache" --ignore-scripts --no-audit --no-fund "@lit-protocol/lit-node-client@$version"
fi
cat > "$cache/tsconfig.json" <<JSON
{
  "extends": "$PWD/tsconfig.json",
  "compilerOptions": {
    "paths": { "@lit-protocol/*": ["$cache/node_modules/@lit-protocol/*"] },
    "typeRoots": ["$PWD/node_modules/@types"]
  },
  "include": ["$PWD/toolchain/lit-node-client/types.ts"]
}
JSON
npx tsc --project "$cache/tsconfig.json"
echo "ts/runtime/lit-node-client fits @lit-protocol/lit-node-client $version"
