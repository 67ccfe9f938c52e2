# run: the server on embedded SQLite, nothing to configure.   test: everything that must hold.
# demo: the Next.js example with a server behind it, which signs users in with AUTH_SERVER=taskbridge.   e2e: both ways of
# it in a real browser.
# fuzz: a minute of each target, or FUZZ_SECONDS.   deny: licences and layers of all we are built on; advisories: its
# known holes, which takes the network.
# bench: beside what others build, for half an hour or so; ONLY=W1,W2 and SERVERS=limit,taskbridge for a part of it, DOCS=1 to
# write docs/performance.md.   microbench: what single operations cost, in a minute.
.PHONY: run test demo e2e fuzz deny advisories bench microbench
.DEFAULT_GOAL := run
# Most tests wait more than they work: for a connection to be closed, for a time to pass.
export RUST_TEST_THREADS ?= 6

run:
	@scripts/run.sh

demo:
	@scripts/demo.sh

e2e:
	@scripts/e2e.sh

# With a PostgreSQL and a pgbouncer of its own; what is not there is found or installed. The end-to-end tests run on
# SQLite with all others, then on PostgreSQL, then through pgbouncer. WITHOUT=browser leaves out what takes a browser.
test:
	$(if $(filter-out browser,$(WITHOUT)),$(error WITHOUT can name only: browser))
	cargo fmt --all --check
	cargo fmt --manifest-path bench/Cargo.toml --all --check
	. scripts/tools.sh && need python3 python3 && python3 -B -m unittest discover --quiet --start-directory bench/tests
	. scripts/tools.sh && need g++ g++ && cargo clippy --locked --workspace --all-targets --all-features -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps
	$(MAKE) --no-print-directory deny
	npm ci --prefix tests/better-auth --silent
	. scripts/tools.sh && need curl curl && scripts/with-postgres.sh cargo test --locked --workspace
	scripts/openapi.sh
ifeq ($(WITHOUT),browser)
	@echo "test: left out, as asked: examples/nextjs in a browser"
else
	scripts/e2e.sh
endif
	TASKBRIDGE_TEST_DATABASE=postgres scripts/with-postgres.sh $(END_TO_END)
	TASKBRIDGE_TEST_DATABASE=pgbouncer scripts/with-postgres.sh $(END_TO_END)
	scripts/fuzz.sh 10

fuzz:
	@scripts/fuzz.sh $(or $(FUZZ_SECONDS),60)

bench:
	@bench/bench.sh $(if $(ONLY),--only $(ONLY)) $(if $(SERVERS),--servers $(SERVERS)) $(if $(DOCS),--docs)

microbench:
	cargo bench --locked --package taskbridge-micro

# Licences, layers and sources of everything in Cargo.lock.
deny:
	@. scripts/tools.sh && $(DENY) && cargo-deny --locked check --allow duplicate licenses bans sources

advisories:
	@. scripts/tools.sh && $(DENY) && { cargo-deny fetch db || \
		{ echo "advisories: the database of RustSec is out of reach; nothing was checked" >&2; exit 1; }; } && \
		cargo-deny --locked check advisories

DENY = need_crate cargo-deny 0.20.2
END_TO_END = cargo test --locked --workspace --test api --test walkthrough
