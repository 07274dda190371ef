# make run    build, start a server that trusts simulated hardware, and run the demonstration against it
# make test   build and run all tests
# make bench  build for release and measure (docs/performance.md)
# make fuzz   run each fuzz target for FUZZ_SECONDS
# make lint   check the format of the sources

FUZZ_SECONDS ?= 60
BENCH_BUILD = .build-bench
BENCH_ARGUMENTS ?=

.PHONY: run test bench fuzz lint packages

run: packages
	scripts/run

test: packages
	swift test
	KBS_MANY_CONNECTIONS=1 swift test --skip-build --filter tenThousand

bench: packages
	swift build -c release --static-swift-stdlib --scratch-path $(BENCH_BUILD) --product kbs
	swift build -c release --static-swift-stdlib --scratch-path $(BENCH_BUILD) --product kbs-bench
	$(BENCH_BUILD)/release/kbs-bench --server $(BENCH_BUILD)/release/kbs $(BENCH_ARGUMENTS)

fuzz: packages
	scripts/fuzz $(FUZZ_SECONDS)

lint:
	swift format lint --strict --recursive Sources Tests fuzz/Sources Package.swift fuzz/Package.swift

packages:
	@scripts/install-packages
