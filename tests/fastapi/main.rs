//! Databases of FastAPI and `SQLModel` apps, with the rows that the apps stored. Taskbridge imports them and serves each user's
//! tasks.
//!
//! `make fastapi` installs the packages and runs these tests.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod apps;
mod moves;
mod page;
