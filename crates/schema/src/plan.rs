//! Decides which of Better Auth's tables Taskbridge adopts, adds or refuses.

use std::collections::BTreeSet;

use crate::map::SchemaMap;
use crate::table::AuthTable;
use crate::verdict::{Addition, Notice, Refusal};

/// Which of Better Auth's tables a database has, under which names, and what Taskbridge needs before it can use them.
///
/// A plan is complete: it contains everything that must be changed, not only what was found first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How the database names the tables, after the additions. Tables that were refused have the names of Better Auth.
    pub map: SchemaMap,
    /// The tables that exist.
    pub existing: BTreeSet<AuthTable>,
    /// The changes that Taskbridge makes.
    pub additions: Vec<Addition>,
    /// The reasons for which Taskbridge cannot use the tables. If there are none, it can.
    pub refusals: Vec<Refusal>,
    /// What an operator should know.
    pub notices: Vec<Notice>,
}

/// How Taskbridge uses Better Auth's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Taskbridge is the auth server: it uses all tables, and creates those that are missing.
    Server,
    /// Better Auth is the auth server. Taskbridge only refers to users, and counts requests if the table for that
    /// exists. It changes no table, and refuses none unless the settings name a table or a column that does not exist.
    Bridge,
}
