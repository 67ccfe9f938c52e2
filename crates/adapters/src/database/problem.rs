//! Reasons for which a database cannot be used, in an operator's words.

use thiserror::Error;

/// A reason for which a database cannot be used, with a remedy. Contains no password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{found}; {advice}")]
pub struct DatabaseProblem {
    /// The cause.
    pub found: String,
    /// The parameter or the command that helps.
    pub advice: String,
}

impl DatabaseProblem {
    pub(super) fn new(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { found: found.into(), advice: advice.into() }
    }
}
