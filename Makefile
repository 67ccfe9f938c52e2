# `make help` lists the targets. All of them can be called with a CARGO_TARGET_DIR.
.PHONY: help run install dist reproducible demo check domain adapters web test fastapi matrix snapshots upgrade proxies drills deployment containers recipes e2e fuzz deny advisories bench microbench
.DEFAULT_GOAL := run
# Most tests spend their time waiting: for a connection to close, or for a timeout.
export RUST_TEST_THREADS ?= 6
export PREFIX DESTDIR

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-12s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run the server on SQLite, with a secret that is generated once
	@scripts/run.sh

install: ## Build the program and install it with its files below PREFIX, /usr/local by default
	@scripts/install.sh

dist: ## Build the archive of a release from the current commit, in target/dist
	@scripts/dist.sh

reproducible: ## Build the archive of a release twice, in different folders, and compare the two
	@scripts/reproducible.sh

demo: ## Run the Next.js example in front of the server; AUTH_SERVER=taskbridge lets Taskbridge sign users in
	@scripts/demo.sh

# The same features as in `make test`, so that each uses what the other has compiled. No test of these needs more than
# cargo, except those with `on_postgres` in their name.
check: ## Check format, lints, architecture, and all tests that need no database server; installs nothing
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	cargo test --locked --workspace --lib --bins --test architecture --test contract --test emails --test jwt \
		--test migrations --test properties --test seeds --test web_api -- --skip on_postgres

domain: ## Test the domain crate only
	cargo test --locked --package taskbridge-domain

adapters: ## Test the adapters only, with their databases on SQLite
	cargo test --locked --package taskbridge-adapters -- --skip on_postgres

web: ## Test the web crate only, with mocked services
	cargo test --locked --package taskbridge-web

test: ## Run everything that must pass before a change is submitted; WITHOUT=browser skips the browser
	$(if $(filter-out browser,$(WITHOUT)),$(error WITHOUT can only be: browser))
	@scripts/test.sh $(WITHOUT)

fastapi: ## Import the tasks of FastAPI and SQLModel apps, and run the commands of docs/from-fastapi.md
	@scripts/fastapi.sh

matrix: ## Move users of real apps to Taskbridge and back: many releases of better-auth, Drizzle, Prisma; BETTER_AUTH_VERSION=latest tries one
	@scripts/matrix.sh

snapshots: ## Write the schema after each migration, and the list of migrations, into migrations/, and the generated parts of docs/
	UPDATE_SNAPSHOTS=1 scripts/with-postgres.sh cargo test --locked --workspace --test migrations -- it_creates readme
	UPDATE_SNAPSHOTS=1 cargo test --locked --workspace --test matrix -- page
	UPDATE_SNAPSHOTS=1 cargo test --locked --package taskbridge-server --lib -- page

upgrade: ## Test a rolling upgrade from the previous release and back; builds that release once
	@scripts/upgrade.sh

e2e: ## Run the tests of the Next.js example in a browser, in both modes
	@scripts/e2e.sh

proxies: ## Test the configurations of nginx, HAProxy and Caddy in deploy/, for about two minutes
	@scripts/proxies.sh

drills: ## Run every command of docs/operations.md while servers run: backups under load, restores, new secrets, alerts
	@scripts/drills.sh

deployment: ## Check the systemd unit and compose.yaml in deploy/, and the system calls of the program that the unit starts
	@scripts/deployment.sh

containers: ## Build the images of Taskbridge and of the Next.js example, and run them with podman, as root; RELEASE=1 optimizes as a release does
	@scripts/containers.sh

recipes: ## Try the recipes of docs/extending.md: apply each, then remove its parts, and write the result; takes about an hour
	@scripts/recipes.py --docs

fuzz: ## Run each fuzz target for FUZZ_SECONDS, 60 by default
	@scripts/fuzz.sh $(or $(FUZZ_SECONDS),60)

deny: ## Check the licences and sources of all dependencies
	@scripts/deny.sh check --allow duplicate licenses bans sources

advisories: ## Check all dependencies for known vulnerabilities; needs the network
	@scripts/deny.sh fetch db || { echo "advisories: cannot reach the RustSec database; nothing was checked" >&2; exit 1; }
	@scripts/deny.sh check advisories

bench: ## Compare with other servers, for about 30 minutes; ONLY=W1,W2 and SERVERS=limit,taskbridge select, DOCS=1 writes docs/performance.md
	@bench/bench.sh $(if $(ONLY),--only $(ONLY)) $(if $(SERVERS),--servers $(SERVERS)) $(if $(DOCS),--docs)

microbench: ## Measure single operations
	cargo bench --locked --package taskbridge-micro
