//! One user against the tasks of another, without regard to the database. `storage::owners` has the rest.

mod order;
mod paths;
