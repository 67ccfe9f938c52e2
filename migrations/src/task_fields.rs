//! The columns in which tables of other backends hold the fields of tasks.

use std::collections::BTreeMap;

use sea_orm_migration::sea_orm::DbBackend;
use taskbridge_schema::{plain, quoted};

use crate::catalog::Column;

/// A field of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskField {
    /// The id.
    Id,
    /// The id of the owner.
    UserId,
    /// The title.
    Title,
    /// The description.
    Description,
    /// Whether the task is done.
    Completed,
    /// The time of the creation.
    CreatedAt,
    /// The time of the last change.
    UpdatedAt,
}

impl TaskField {
    /// All fields, in the order of the columns in the table `tasks`.
    pub const ALL: [Self; 7] =
        [Self::Id, Self::UserId, Self::Title, Self::Description, Self::Completed, Self::CreatedAt, Self::UpdatedAt];

    /// Returns the name of the field's column in the table `tasks`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::UserId => "user_id",
            Self::Title => "title",
            Self::Description => "description",
            Self::Completed => "completed",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
        }
    }

    /// Returns the field whose column in the table `tasks` has this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Returns `true` if a column of this name usually says more than whether a task is done: in which state it is, or
    /// since when.
    pub(crate) fn has_more_than_two_values(name: &str) -> bool {
        let name = plain(name);
        ["status", "state"].contains(&name.as_str()) || name.ends_with("at")
    }

    /// Returns the names under which other backends store the field, as [`plain`] returns them, the most likely first.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Id => &["id", "taskid", "todoid", "uuid"],
            Self::UserId => {
                &["userid", "ownerid", "owner", "user", "authorid", "creatorid", "createdbyid", "createdby"]
            }
            Self::Title => &["title", "name", "text", "task", "todo", "subject", "summary", "content"],
            Self::Description => {
                &["description", "desc", "details", "detail", "notes", "note", "body", "content", "text"]
            }
            Self::Completed => &[
                "completed",
                "iscompleted",
                "complete",
                "iscomplete",
                "done",
                "isdone",
                "finished",
                "isfinished",
                "checked",
                "ischecked",
                "status",
                "state",
                "completedat",
                "doneat",
                "finishedat",
            ],
            Self::CreatedAt => {
                &["createdat", "created", "createdon", "datecreated", "createddate", "creationdate", "insertedat"]
            }
            Self::UpdatedAt => &[
                "updatedat",
                "updated",
                "updatedon",
                "dateupdated",
                "modifiedat",
                "modified",
                "lastmodified",
                "lastupdated",
            ],
        }
    }
}

/// Returns the column of each field that is recognized by its name. No column holds two fields.
pub(crate) fn recognize<'a>(columns: &[&'a str]) -> BTreeMap<TaskField, &'a str> {
    let mut found = BTreeMap::new();
    for field in TaskField::ALL {
        let is_free = |name: &&str, found: &BTreeMap<_, &str>| !found.values().any(|used| used == name);
        let exact = columns.iter().copied().find(|name| *name == field.name());
        let alike = || {
            field
                .names()
                .iter()
                .find_map(|known| columns.iter().copied().find(|name| plain(name) == **known && is_free(name, &found)))
        };
        if let Some(column) = exact.or_else(alike) {
            found.insert(field, column);
        }
    }
    found
}

/// Returns the SQL condition for rows that are marked as deleted, if the column is such a mark.
pub(crate) fn is_deleted(backend: DbBackend, column: &Column) -> Option<String> {
    let name = quoted(&column.name);
    match plain(&column.name).as_str() {
        "deletedat" | "deletedon" => Some(format!("{name} is not null")),
        "isdeleted" | "deleted" if backend != DbBackend::Postgres => {
            Some(format!("lower(coalesce({name}, '0')) not in ('0', 'false', 'f')"))
        }
        "isdeleted" | "deleted" if column.data_type == "boolean" => Some(format!("{name} is true")),
        _ => None,
    }
}

/// The values, in lower case and without spaces, hyphens and underscores, of a textual status that mean "done".
const DONE: [&str; 12] =
    ["done", "completed", "complete", "finished", "closed", "resolved", "true", "t", "yes", "y", "1", "checked"];

/// Those that mean "not done".
const OPEN: [&str; 23] = [
    "todo",
    "open",
    "pending",
    "new",
    "active",
    "inprogress",
    "progress",
    "doing",
    "started",
    "notstarted",
    "incomplete",
    "uncompleted",
    "backlog",
    "waiting",
    "blocked",
    "onhold",
    "review",
    "inreview",
    "false",
    "f",
    "no",
    "n",
    "0",
];

/// Returns whether a value of a textual status means "done". `None` if that is not known.
pub(crate) fn is_done(status: &str) -> Option<bool> {
    let plain = plain(status).replace([' ', '-'], "");
    if DONE.contains(&plain.as_str()) {
        Some(true)
    } else if OPEN.contains(&plain.as_str()) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognized(columns: &str) -> String {
        let columns: Vec<_> = columns.split(' ').collect();
        let found = recognize(&columns);
        found.iter().map(|(field, column)| format!("{}={column}", field.name())).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn columns_are_recognized_by_their_names() {
        for (columns, expected) in [
            ("id title is_completed user_id", "id=id user_id=user_id title=title completed=is_completed"),
            (
                "id ownerId name isDone createdAt",
                "id=id user_id=ownerId title=name completed=isDone created_at=createdAt",
            ),
            ("id content done", "id=id title=content completed=done"),
            ("id title content status", "id=id title=title description=content completed=status"),
            ("is_completed completed", "completed=completed"),
            ("status done completed_at", "completed=done"),
            ("Completed completed", "completed=completed"),
        ] {
            assert_eq!(recognized(columns), expected, "{columns}");
        }
    }

    #[test]
    fn a_status_is_done_open_or_unknown() {
        for (status, expected) in [
            ("Done", Some(true)),
            ("in progress", Some(false)),
            ("IN_PROGRESS", Some(false)),
            ("archived", None),
            ("cancelled", None),
            ("", None),
        ] {
            assert_eq!(is_done(status), expected, "{status}");
        }
    }
}
