# What the wasm modules are built with; the other scripts source this. A change here changes their SHA-256.
go_version=go1.26.8
llvm_version=19
tinygo_version=v0.41.1
tinygo_sum=h1:Hp1Frc4zQALL88t49XraSZEwkIYEjMOmmurlmsTigzE=

packages=("llvm-$llvm_version-dev" "libclang-$llvm_version-dev" "lld-$llvm_version" "clang-$llvm_version"
  "libclang-rt-$llvm_version-dev-wasm32" wasi-libc)

say() { echo "toolchain: $*" >&2; }
die() { say "$@"; exit 1; }
