# run: the server on embedded SQLite, nothing to configure.   test: everything that must hold.
# demo: the Next.js example with a server behind it.          e2e: the same in a real browser.
.PHONY: run test demo e2e
.DEFAULT_GOAL := run

run:
	@scripts/run.sh

demo:
	@scripts/demo.sh

e2e:
	@scripts/e2e.sh

# With a PostgreSQL and a pgbouncer of its own; what is not there is found or installed. The end-to-end tests run on
# SQLite with all others, then on PostgreSQL, then through pgbouncer.
test:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --all-features -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps
	npm ci --prefix tests/better-auth --silent
	. scripts/tools.sh && need curl curl && scripts/with-postgres.sh cargo test --locked --workspace
	TASKBRIDGE_TEST_DATABASE=postgres scripts/with-postgres.sh $(END_TO_END)
	TASKBRIDGE_TEST_DATABASE=pgbouncer scripts/with-postgres.sh $(END_TO_END)

END_TO_END = cargo test --locked --package taskbridge-tests --test api --test walkthrough
