//! Tests that statements name Better Auth's tables and columns by their markers only.

use std::fs;
use std::path::{Path, PathBuf};

use sea_orm::{EntityTrait, IdenStatic, Iterable};
use taskbridge_schema::AuthTable;

use super::{account, jwks, rate_limit, session, user};

fn check<E: EntityTrait>(table: AuthTable) {
    assert_eq!(E::default().table_name(), table.marker());
    for column in E::Column::iter() {
        let marked = column.as_str().strip_prefix(table.name()).and_then(|rest| rest.strip_prefix('.'));
        assert!(marked.is_some_and(|name| table.columns().contains(&name)), "{}", column.as_str());
    }
}

#[test]
fn entities_are_named_by_markers() {
    check::<user::Entity>(AuthTable::User);
    check::<session::Entity>(AuthTable::Session);
    check::<account::Entity>(AuthTable::Account);
    check::<jwks::Entity>(AuthTable::Jwks);
    check::<rate_limit::Entity>(AuthTable::RateLimit);
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// Returns the parts of a line that look as if they named a table or column of Better Auth in SQL.
fn raw_names(line: &str) -> Vec<String> {
    let tables = AuthTable::ALL.map(AuthTable::name);
    let columns = AuthTable::ALL.into_iter().flat_map(AuthTable::columns).copied();
    // The table `tasks` has columns of these names, too.
    let columns = columns.filter(|column| !["id", "createdAt", "updatedAt"].contains(column));
    let is_table = |word: &str| tables.iter().any(|name| name.eq_ignore_ascii_case(word));
    let is_name = |word: &str| is_table(word) || columns.clone().any(|name| name.eq_ignore_ascii_case(word));
    let words: Vec<_> = line.split(|part: char| !part.is_alphanumeric() && !"_.\"`".contains(part)).collect();
    let is_statement =
        words.iter().any(|word| ["select", "insert", "delete", "lock", "update"].contains(&word.trim_matches('"')));
    let after_keyword = words.windows(2).filter(|pair| {
        let (keyword, name) = (pair[0].trim_matches('"'), pair[1].trim_matches('"'));
        let is_sql = is_statement || pair[1].starts_with('"');
        is_sql && ["from", "into", "update", "join", "table"].contains(&keyword) && is_table(name)
    });
    let in_raw_string = line.split_once("r#\"").into_iter().flat_map(|(_, sql)| sql.split('"').skip(1).step_by(2));
    let attribute = ["table_name = \"", "column_name = \"", "Alias::new(\""].into_iter().filter_map(|start| {
        let (_, rest) = line.split_once(start)?;
        rest.split('"').next()
    });
    let quoted = in_raw_string.chain(attribute).filter(|name| is_name(name)).map(str::to_owned);
    after_keyword.map(|pair| pair.join(" ")).chain(quoted).collect()
}

#[test]
fn raw_names_are_found() {
    for (line, expected) in [
        (r##"let sql = r#"select "email" from "user" where x"#;"##, vec![r#"from "user""#, "email", "user"]),
        (r##"    r#"lock table "jwks" in share mode"#"##, vec![r#"table "jwks""#, "jwks"]),
        (r#"#[sea_orm(table_name = "session")]"#, vec!["session"]),
        (r#"#[sea_orm(column_name = "userId")]"#, vec!["userId"]),
        (r#"Expr::col((Alias::new("user"), name))"#, vec!["user"]),
        (r#""delete from session where id = $1""#, vec!["from session"]),
        (r##"let sql = r#"select "user.email" from "better_auth.user" where x"#;"##, vec![]),
        (r#"from "user" group by {lower}"#, vec![r#"from "user""#]),
        (r#"Inconsistency { table: "account", column: "userId" }"#, vec![]),
    ] {
        assert_eq!(raw_names(line), expected, "{line}");
    }
}

/// A statement with other names would not follow the schema map.
#[test]
fn no_source_file_names_better_auths_tables_in_sql() {
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(files.len() > 50);
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("entities/tests.rs")) {
        for (number, line) in fs::read_to_string(file).unwrap().lines().enumerate() {
            if !line.trim_start().starts_with("//") {
                found.extend(
                    raw_names(line).into_iter().map(|name| format!("{}:{}: {name}", file.display(), number + 1)),
                );
            }
        }
    }
    assert!(found.is_empty(), "use markers: {found:#?}");
}
