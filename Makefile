# make run    build, start a server that trusts simulated hardware, and run the demonstration against it
# make test   build and run all tests
# make bench  build for release and measure, AGAINST another kbs binary if one is named (docs/performance.md)
# make bench-hostile  its last part alone: what strangers' requests cost, and what guests notice of them (docs/limits.md)
# make bench-cluster  the same for replicas on a PostgreSQL that it starts (docs/scale.md)
# make soak   build for release, and boot guests 200,000 times: memory and descriptors must not grow
# make fuzz   run each fuzz target for FUZZ_SECONDS
# make lint   check the format of the sources
# make release    build what is installed: kbs, kbs-guest, their manuals and the list of their parts (CycloneDX)
# make deb        make Debian packages of it, into build/
# make install    install it: PREFIX (/usr/local), DESTDIR (none), SYSCONFDIR (/etc); docs/install.md
# make reference  write the documents that are made from the settings

FUZZ_SECONDS ?= 60
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
RELEASE_BUILD = .build-release
# What is installed; another binary may be named.
BINARY ?= $(RELEASE_BUILD)/release/kbs
GUEST ?= $(RELEASE_BUILD)/release/kbs-guest
MANUALS ?= $(RELEASE_BUILD)/man
BENCH_BUILD = .build-bench
OPTIMISED = swift build -c release --static-swift-stdlib -Xswiftc -use-ld=lld
# The addresses that the program corrects when it starts, in a hundredth of the room. It takes glibc 2.36, which a guest's
# image may not have.
PACKED = -Xlinker -z -Xlinker pack-relative-relocs
BENCH_ARGUMENTS ?=
HOSTILE_ARGUMENTS ?=
# All tests at once would keep a small machine so busy that servers' own time limits are reached.
FEWER = SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=12

.PHONY: run test bench bench-build bench-hostile bench-cluster soak fuzz lint packages release install deb reference

run: packages
	scripts/run

test: packages
	$(FEWER) swift test

bench-build: packages
	$(OPTIMISED) $(PACKED) --scratch-path $(BENCH_BUILD) --product kbs
	for product in kbs-guest kbs-bench; do \
		$(OPTIMISED) --scratch-path $(BENCH_BUILD) --product $$product || exit 1; done

bench: bench-build
	$(BENCH_BUILD)/release/kbs-bench single --server $(BENCH_BUILD)/release/kbs \
		$(if $(AGAINST),--against $(AGAINST)) $(BENCH_ARGUMENTS)
	$(BENCH_BUILD)/release/kbs-bench hostile --server $(BENCH_BUILD)/release/kbs $(HOSTILE_ARGUMENTS)

bench-hostile: bench-build
	$(BENCH_BUILD)/release/kbs-bench hostile --server $(BENCH_BUILD)/release/kbs $(HOSTILE_ARGUMENTS)

soak: bench-build
	$(BENCH_BUILD)/release/kbs-bench soak --server $(BENCH_BUILD)/release/kbs $(BENCH_ARGUMENTS)

bench-cluster: bench-build
	$(BENCH_BUILD)/release/kbs-bench cluster --server $(BENCH_BUILD)/release/kbs $(BENCH_ARGUMENTS)

fuzz: packages
	scripts/fuzz $(FUZZ_SECONDS)

lint:
	swift format lint --strict --parallel --recursive Sources Tests fuzz/Sources Package.swift fuzz/Package.swift

# Addresses of functions are bound when it starts and are not writable after (full RELRO), and libraries are looked for
# where the system has them.
release: packages
	$(OPTIMISED) $(PACKED) --scratch-path $(RELEASE_BUILD) --disable-local-rpath -Xlinker -z -Xlinker now --product kbs
	$(OPTIMISED) --scratch-path $(RELEASE_BUILD) --disable-local-rpath -Xlinker -z -Xlinker now --product kbs-guest
	for name in kbs kbs-guest; do scripts/make-manual $(RELEASE_BUILD)/release/$$name $(MANUALS)/$$name.1 || exit 1; done
	scripts/make-sbom $(RELEASE_BUILD)/release/kbs $(RELEASE_BUILD)/release/kbs-guest >$(RELEASE_BUILD)/release/kbs.cdx.json

# No compiler runs as root: `make release`, then `sudo make install`.
install:
	@test -x $(BINARY) || { echo "$(BINARY) is not there: make release first" >&2; exit 1; }
	STRIP=1 PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) SYSCONFDIR=$(SYSCONFDIR) scripts/install-files $(BINARY) $(GUEST) $(wildcard $(MANUALS))

# After `make release`. Needs debhelper.
deb:
	scripts/make-deb $(BINARY) $(GUEST) $(MANUALS) build

reference: packages
	swift build --product kbs
	scripts/make-reference "$$(swift build --show-bin-path)/kbs"

packages:
	@scripts/install-packages
