# Two commands are all a stranger needs: `make run` and `make test`. `make` alone lists the rest.
.DEFAULT_GOAL := help
.PHONY: help run test test-sdks test-servers unit e2e bench fuzz certs fmt lint deny build clean
RUN_ARGS ?=
FUZZ_SECONDS ?= 600

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run:  ## builds Tamis and starts it on 127.0.0.1:8080 with the embedded default (RUN_ARGS="--listen …")
	@tests/tools.sh
	cargo run --release --locked -- run $(RUN_ARGS)

build:  ## the release binary: target/release/tamis
	@tests/tools.sh
	cargo build --release --locked

test:  ## installs what is missing and runs everything; closing line: N passed, N failed
	@tests/all.sh

unit:  ## cargo tests alone
	cargo test --locked

e2e:  ## real client libraries through Tamis to a fake vendor
	@tests/all.sh setup e2e

test-sdks:  ## the real client libraries of the vendors that `make test` leaves out (half a gigabyte of packages, some minutes)
	@tests/all.sh setup-rest rest

test-servers:  ## Bugsink, Phoenix and MLflow as upstreams, their databases searched (large downloads: not in `make test`)
	@tests/all.sh setup servers

bench:  ## criterion benchmarks
	cargo bench --locked

fuzz:  ## every fuzz target for FUZZ_SECONDS each (default 600)
	@for target in $$(fuzz/run.sh --list); do fuzz/run.sh $$target $(FUZZ_SECONDS) || exit 1; done

certs:  ## a development CA and server certificate in certs/
	@certs/make-dev-certs.sh

fmt:  ## formats the sources
	cargo fmt

lint:  ## format check, clippy and documentation, warnings denied
	@tests/all.sh fmt lint doc

deny:  ## licences and bans of what is linked
	@tests/all.sh deny

clean:  ## removes what was built and installed
	cargo clean
	rm -rf tests/.cache fuzz/target
