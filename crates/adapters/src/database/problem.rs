//! Descriptions for the operator of why a database cannot be used.

use thiserror::Error;

/// A description of why a database cannot be used, with advice. Contains no password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{found}; {advice}")]
pub struct DatabaseProblem {
    /// The problem.
    pub found: String,
    /// The parameter to change or the command to run.
    pub advice: String,
}

impl DatabaseProblem {
    pub(super) fn new(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { found: found.into(), advice: advice.into() }
    }
}
