//! Settings that let clients written for another backend work unchanged. All are off by default.

use serde_json::{Map, Value};

/// The settings that change the format of the tasks API for clients written for another backend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// Returns a list as `{"tasks", "total", "count"}` instead of an array.
    pub list_envelope: bool,
    /// Adds `is_completed`, a copy of `completed`, to every task, and reads it from bodies that have no `completed`.
    pub is_completed: bool,
    /// Responds to `DELETE` with a 200 and a `message` instead of a 204.
    pub delete_message: bool,
}

impl Compatibility {
    /// Renames `is_completed` in a request body to `completed`, if the setting is on and the body has no `completed`.
    pub(crate) fn translate(self, body: &mut Map<String, Value>) {
        if self.is_completed
            && !body.contains_key("completed")
            && let Some(completed) = body.remove("is_completed")
        {
            body.insert("completed".into(), completed);
        }
    }
}
