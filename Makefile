# run: the server on embedded SQLite, nothing to configure.   test: everything that must hold.
.PHONY: run test
.DEFAULT_GOAL := run

run:
	@scripts/run.sh

test:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --all-features -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps
	. scripts/tools.sh && need curl curl && cargo test --locked --workspace
