//! Databases of real apps: several releases of Better Auth, each with its own migrator, and with Drizzle and Prisma. Users
//! who signed up there use Taskbridge, and then the app again.
//!
//! `make matrix` installs the npm packages and runs these tests.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod apps;
mod bridge;
mod checks;
mod page;
mod refused;
mod row;
mod rows;
