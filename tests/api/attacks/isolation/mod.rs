//! One user against the tasks of another: what of it needs no storage. The rest is in `storage::owners`.

mod order;
mod paths;
