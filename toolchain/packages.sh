#!/usr/bin/env bash
# Installs Debian packages, unless they are there: those that are named, or those that TinyGo is built from and links against.
set -euo pipefail
source "$(dirname "$0")/env.sh"

needed_by="or TINYGO=path to an official TinyGo $tinygo_version"
if (($#)); then
  packages=("$@")
  needed_by="by some of the tests"
fi

missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == 'install ok installed' ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

needed="The Debian or Ubuntu packages ${missing[*]} are needed, $needed_by"
command -v apt-get >/dev/null || die "no apt-get here. $needed."
sudo=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || die "not root, and no sudo here. $needed."
  sudo=(sudo)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null; }
install() { apt install -y --no-install-recommends "${missing[@]}"; }

say "installing with apt: ${missing[*]}"
install || { apt update && install; } || {
  cat "$log" >&2
  die "apt failed. $needed."
}
