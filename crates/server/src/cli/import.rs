//! `taskbridge tasks import` and `taskbridge tasks ids`.

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use taskbridge_adapters::database::{Store, StoreConfig};
use taskbridge_migrations::{ImportReport, ImportedId, Migrations, TaskField, TaskImport, Users, imported_ids};
use taskbridge_schema::QualifiedName;

use super::output::{one_line, print, print_progress};
use crate::compose::{is_missing, migrations, store_config, use_and_close, with_store};
use crate::settings::{Settings, table_name};

/// Time between two lines about the progress.
const PROGRESS: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The table that contains the tasks, such as `task` or `app.todos`. If it is the table `tasks` of this database, it is
    /// renamed to `tasks_old`.
    #[arg(long, value_name = "TABLE", value_parser = table_name)]
    from: QualifiedName,
    /// URL of the database that contains the table, if that is another one.
    #[arg(long, value_name = "URL")]
    from_url: Option<String>,
    /// The column that holds a field, if it is not recognized: `--map owner_ref=user_id`. The fields are `id`,
    /// `user_id`, `title`, `description`, `completed`, `created_at` and `updated_at`.
    #[arg(long, value_name = "COLUMN=FIELD", value_parser = mapping)]
    map: Vec<(String, TaskField)>,
    /// A value of a textual status that means "done".
    #[arg(long, value_name = "VALUE")]
    done: Vec<String>,
    /// A value of a textual status that means "not done".
    #[arg(long, value_name = "VALUE")]
    open: Vec<String>,
    /// The table of the old backend's users, if the tasks contain its ids: users are found by their email address.
    #[arg(long, value_name = "TABLE", value_parser = table_name)]
    users_from: Option<QualifiedName>,
    /// URL of the database that contains Better Auth's users, for `--users-from`, if they are in neither of the others.
    #[arg(long, value_name = "URL", requires = "users_from")]
    users_url: Option<String>,
    /// Accept users who have not verified the email address by which they are found. Anyone could have signed up with it.
    #[arg(long, requires = "users_from")]
    accept_unverified: bool,
    /// Id of the user who gets the tasks without an owner, and those of owners who are not users.
    #[arg(long, value_name = "USER_ID")]
    owner: Option<String>,
    /// Show what would be imported, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Parses a column and the field that it holds.
fn mapping(text: &str) -> Result<(String, TaskField), String> {
    let (column, field) = text.rsplit_once('=').ok_or("write <column>=<field>")?;
    let field = TaskField::named(field).ok_or_else(|| {
        let names = TaskField::ALL.map(TaskField::name);
        format!("there is no field {field}; the fields are {}", names.join(", "))
    })?;
    Ok((column.to_owned(), field))
}

impl ImportArgs {
    fn import(&self) -> TaskImport {
        let Self { from, from_url: _, map, done, open, users_from, users_url: _, accept_unverified, owner, dry_run } =
            self;
        TaskImport {
            from: from.clone(),
            map: map.clone(),
            done: done.clone(),
            open: open.clone(),
            users_from: users_from.clone(),
            accept_unverified: *accept_unverified,
            owner: owner.clone(),
            dry_run: *dry_run,
        }
    }
}

/// Imports the tasks of another backend, and prints the report.
pub(super) async fn import(args: &ImportArgs, settings: &Settings, users: Users) -> anyhow::Result<()> {
    let source = open_other(args.from_url.as_ref(), "--from-url", settings).await?;
    let of_users = open_other(args.users_url.as_ref(), "--users-url", settings).await?;
    let work = async |store: &Store| {
        let others = (source.as_ref(), of_users.as_ref());
        run(args, &migrations(settings, users), store, others).await
    };
    let report = if args.dry_run {
        use_and_close(open_for_dry_run(settings).await?, work).await
    } else {
        with_store(&settings.database, work).await
    };
    for other in [source, of_users].into_iter().flatten() {
        other.close().await;
    }
    for line in report?.to_string().lines() {
        print(&one_line(line))?;
    }
    Ok(())
}

/// Opens the database that an option names, if it is given.
async fn open_other(url: Option<&String>, option: &str, settings: &Settings) -> anyhow::Result<Option<Store>> {
    let Some(url) = url else { return Ok(None) };
    let url = url.parse().with_context(|| option.to_owned())?;
    let store = Store::open_to_read(&StoreConfig { url, ..store_config(&settings.database) }).await;
    store.map(Some).with_context(|| format!("cannot open the database of {option}"))
}

/// Opens the database for reading. An empty one in memory stands for a SQLite file that does not exist yet.
async fn open_for_dry_run(settings: &Settings) -> anyhow::Result<Store> {
    let config = store_config(&settings.database);
    Ok(if is_missing(&settings.database).await {
        Store::open(&StoreConfig { url: "sqlite::memory:".parse()?, ..config }).await?
    } else {
        Store::open_to_read(&config).await?
    })
}

/// Imports the tasks into the database `target`. The other two databases contain the table and Better Auth's users.
async fn run(
    args: &ImportArgs,
    migrations: &Migrations,
    target: &Store,
    (source, of_users): (Option<&Store>, Option<&Store>),
) -> anyhow::Result<ImportReport> {
    let connect = async |store: Option<&Store>| match store {
        Some(store) => store.dedicated().await.map(Some),
        None => Ok(None),
    };
    let target = target.dedicated().await?;
    let source = connect(source).await.context("cannot open the database of --from-url")?;
    let of_users = connect(of_users).await.context("cannot open the database of --users-url")?;
    let mut printed = Instant::now();
    let mut progress = |read: u64, all: u64| {
        if printed.elapsed() >= PROGRESS {
            print_progress(&format!("{read} of {all} rows"));
            printed = Instant::now();
        }
    };
    let import = args.import();
    Ok(import.run(migrations, &target, source.as_ref(), of_users.as_ref(), &mut progress).await?)
}

/// Prints the old and the new id of each imported task whose id has changed, as comma-separated values (RFC 4180).
pub(super) async fn ids(settings: &Settings) -> anyhow::Result<()> {
    let print_changed = |ImportedId { table, old, new }: &ImportedId| -> anyhow::Result<()> {
        if *old != new.to_string() {
            print(&format!("{},{},{new}", csv(table), csv(old)))?;
        }
        Ok(())
    };
    let store = Store::open_to_read(&store_config(&settings.database)).await?;
    use_and_close(store, async |store| {
        let db = store.dedicated().await?;
        print(&"table,old_id,new_id")?;
        imported_ids(&db, print_changed).await
    })
    .await
}

/// Quotes a value if it contains a character that has a meaning in comma-separated values (RFC 4180, section 2).
fn csv(value: &str) -> String {
    if value.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_names_a_column_and_a_field() {
        assert_eq!(mapping("a=b=title").unwrap(), ("a=b".to_owned(), TaskField::Title));
        assert!(mapping("owner=user").unwrap_err().contains("the fields are id, user_id"));
        assert!(mapping("owner").is_err());
    }

    #[test]
    fn values_are_quoted_where_necessary() {
        assert_eq!([csv("a b"), csv("a,b"), csv("a\"b")], ["a b", "\"a,b\"", "\"a\"\"b\""]);
    }
}
