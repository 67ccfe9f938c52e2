//! The list of migrations in the README.

use std::fs;
use std::path::Path;

use taskbridge_migrations::{Migrations, Users};

use crate::snapshots::compare_file;

const BEGIN: &str = "<!-- `make snapshots` writes this list. -->\n";

#[test]
fn the_readme_lists_all_migrations() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let migrations = Migrations::of(Users::Here);
    let lines: Vec<_> = migrations
        .names()
        .into_iter()
        .zip(migrations.summaries())
        .map(|(name, summary)| format!("| `{name}` | {summary} |\n"))
        .collect();
    let table = format!("| migration | what it does |\n| --- | --- |\n{}", lines.concat());
    compare_file(&path, &format!("{before}{BEGIN}{table}\n{after}"));
}
