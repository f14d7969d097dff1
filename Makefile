# Every target installs what it needs; see toolchain/ for how. Needs Go, Node 20 with npm, and on Debian or Ubuntu
# root or sudo for the packages of toolchain/packages.sh.

MODULES := build/tandem.wasm build/ecrecover.wasm
TOOLCHAIN := toolchain/target.json $(wildcard toolchain/*.sh)
TS := node_modules/.package-lock.json
GO_SOURCES := go.mod go.sum $(shell find go -name '*.go' ! -name '*_test.go')

MAKEFLAGS += --jobs=2

# Of the TypeScript tests those that start neither a Deno nor a chain, and take no more than some seconds.
QUICK := $(wildcard $(patsubst %,test/%.test.ts,build core deadline error-codes intent policy-* prose roles seal store structure))

.PHONY: wasm demo demo-chain test test-quick lint go-lint go-test go-test-quick chromium bench ct verify record clean

wasm: $(MODULES) build/wasm_exec.js

build/%.wasm: $(GO_SOURCES) $(TOOLCHAIN) $(TS) | build/wasm_exec.js
	@toolchain/build.sh $* $@

build/wasm_exec.js: toolchain/env.sh toolchain/tinygo.sh
	@mkdir -p build
	@root=$$(toolchain/tinygo.sh) && cp "$$root/targets/wasm_exec.js" $@

$(TS): package-lock.json
	npm ci
	@touch $@

demo: build/tandem.wasm $(TS)
	npx tsx scripts/demo.ts

demo-chain: build/tandem.wasm $(TS)
	npx tsx scripts/demo-chain.ts

test: wasm lint go-test chromium
	npm test

chromium:
	@toolchain/chromium.sh

# In less than a minute, once the modules are built.
test-quick: wasm lint go-test-quick
	npm run --silent test:files -- $(QUICK)

# What takes long: a thousand signatures over a faulty network, timing, and the wasm rebuilt from nothing.
test-long: wasm
	SIGNINGS=1000 npm run --silent test:files -- test/faults.test.ts
	$(MAKE) ct verify

lint: $(TS) go-lint
	npm run lint
	npm run typecheck

go-lint:
	@test -z "$$(gofmt -l go)" || { echo 'gofmt -w these:'; gofmt -l go; exit 1; }
	go vet -printf.funcs=Errorf,PartyErrorf ./go/...
	GOOS=js GOARCH=wasm go vet ./go/abi ./go/cmd/...
	go build -o build/staticcheck honnef.co/go/tools/cmd/staticcheck
	build/staticcheck $$(go list ./go/... | grep -v /cmd/)
	GOOS=js GOARCH=wasm build/staticcheck -checks inherit,-U1000 ./go/abi ./go/cmd/...

# The packages are pure and start no goroutine; under the race detector, which is slow, all of them run behind the exports.
go-test: | build/wasm_exec.js
	go test ./go/...
	go -C test/reference/geth test ./...
	CC=$$(command -v gcc clang-19 | head -n 1) go test -race -short ./go/abi ./go/cmd/... ./go/transcript ./go/wire ./go/vole

go-test-quick:
	go test -short ./go/...

bench: wasm build/bench.wasm
	npm run bench

ct: build/ct.wasm
	go build -o build/ct ./go/cmd/ct
	npx tsx scripts/ct.ts

verify: $(TS)
	@toolchain/verify.sh

record: $(TS)
	@toolchain/verify.sh --record $(MODULES)

clean:
	rm -rf build
