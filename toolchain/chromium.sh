#!/usr/bin/env bash
# Installs Chromium, in which the tests of the browser's side run, and letters for it. Where that cannot be, these tests are
# skipped, and say so.
"$(dirname "$0")/packages.sh" chromium fonts-dejavu-core || echo 'toolchain: no Chromium; the tests that need it are skipped' >&2
