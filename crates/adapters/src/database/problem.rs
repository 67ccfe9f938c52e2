//! Tells the operator why a database cannot be used, and what to do.

use thiserror::Error;

/// The reason why a database cannot be used, with advice. Contains no password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{found}; {advice}")]
pub struct DatabaseProblem {
    /// The reason, such as `the file x.db is read-only`.
    pub found: String,
    /// The advice: a parameter to change or a command to run.
    pub advice: String,
}

impl DatabaseProblem {
    pub(super) fn new(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { found: found.into(), advice: advice.into() }
    }
}
