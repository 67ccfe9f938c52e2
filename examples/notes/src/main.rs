//! Taskbridge with notes: a second resource that belongs to users, on the same server and in the same databases as tasks.
//!
//! `note` is the model, `table` stores it, and `api` serves it at `/api/{user_id}/notes`.
#![expect(unreachable_pub, reason = "a program exports nothing")]

mod api;
mod note;
mod table;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use taskbridge::Resource;
use taskbridge_web::OwnedApi;
use utoipa::OpenApi as _;

use self::note::Note;

static NOTES: [Resource; 1] = [Resource {
    migrations: &[&table::CREATE],
    api: |repositories| {
        let notes = repositories.service::<table::Entity>()?;
        Ok(OwnedApi::new::<Note, _>(notes, api::Operations::openapi(), api::routes)?)
    },
}];

fn main() -> ExitCode {
    taskbridge::run(&NOTES)
}
