//! Ways of the tasks API for clients that were written for another backend. All are off unless switched on.

use serde_json::{Map, Value};

/// What is different for the sake of such clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// A list is `{"tasks", "total", "count"}` instead of an array.
    pub list_envelope: bool,
    /// `is_completed` is in every task beside `completed`, and taken for it in bodies that have no `completed`.
    pub is_completed: bool,
    /// `DELETE` answers 200 with a `message` instead of 204.
    pub delete_message: bool,
}

impl Compatibility {
    /// A body of a request in our own words.
    pub(crate) fn translate(self, body: &mut Map<String, Value>) {
        if self.is_completed
            && !body.contains_key("completed")
            && let Some(completed) = body.remove("is_completed")
        {
            body.insert("completed".into(), completed);
        }
    }
}
