//! Tests of the names of Better Auth's tables and columns.

use taskbridge_schema::{AuthTable, Overrides, QualifiedName};

use super::*;

const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://localhost/tasks");

fn overrides(variables: &[(&str, &str)]) -> Overrides {
    overrides_in(Path::new("/nonexistent"), variables)
}

fn overrides_in(folder: &Path, variables: &[(&str, &str)]) -> Overrides {
    let variables = [&[("BETTER_AUTH_SECRET", SECRET), DATABASE], variables].concat();
    read_in(folder, &variables).unwrap().settings.auth.overrides()
}

/// Returns the message of the only error, which has this key.
fn message(key: &str, variables: &[(&str, &str)]) -> String {
    let variables = [&[("BETTER_AUTH_SECRET", SECRET), DATABASE], variables].concat();
    let errors = read(&variables).unwrap_err();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!(error.key, key);
    assert_eq!(error.source, Some(format!("{} in the environment", variables.last().unwrap().0)));
    error.message.clone()
}

fn name(schema: Option<&str>, name: &str) -> QualifiedName {
    QualifiedName { schema: schema.map(str::to_owned), name: name.to_owned() }
}

fn table(text: &str) -> QualifiedName {
    overrides(&[("TASKBRIDGE__AUTH__TABLES__USER", text)]).tables.remove(&AuthTable::User).unwrap()
}

#[test]
fn without_names_there_are_no_overrides() {
    assert_eq!(overrides(&[]), Overrides::default());
}

#[test]
fn the_names_of_the_documentation_are_read() {
    let manual = include_str!("../../../../../config/default.toml");
    let lines = manual.lines().skip_while(|line| *line != "[auth.tables]").take_while(|line| *line != "[jwt]");
    let examples = lines.filter_map(|line| line.strip_prefix("#   "));
    let profile: String = ["[auth.tables]"].into_iter().chain(examples).flat_map(|line| [line, "\n"]).collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    std::fs::write(folder.path().join("config/staging.toml"), &profile).unwrap();
    let found = overrides_in(folder.path(), &[("TASKBRIDGE_PROFILE", "staging")]);
    let tables = [
        (AuthTable::User, name(None, "users")),
        (AuthTable::Session, name(Some("app"), "sessions")),
        (AuthTable::RateLimit, name(Some("my app"), "rate.limit")),
    ];
    assert_eq!(found.tables, tables.into(), "{profile}");
    assert_eq!(found.columns, [((AuthTable::User, "emailVerified"), "email_verified".to_owned())].into(), "{profile}");
}

/// Environment variables have no small letters, so that each spelling of a name is accepted.
#[test]
fn every_table_and_column_can_be_named_in_the_environment() {
    for table in AuthTable::ALL {
        for column in table.columns() {
            let snake = |name: &str| {
                let split = name.chars().flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain([c]));
                split.collect::<String>().to_uppercase()
            };
            for spelling in [str::to_uppercase, snake] {
                let variable = format!("TASKBRIDGE__AUTH__COLUMNS__{}__{}", spelling(table.name()), spelling(column));
                let found = overrides(&[(&variable, "x")]).columns;
                assert_eq!(found, [((table, *column), "x".to_owned())].into(), "{variable}");
            }
        }
        let variable = format!("TASKBRIDGE__AUTH__TABLES__{}", table.name().to_uppercase());
        assert_eq!(overrides(&[(&variable, "x")]).tables, [(table, name(None, "x"))].into(), "{variable}");
    }
}

#[test]
fn a_name_in_the_environment_wins_over_other_spellings_in_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    let profile = "[auth.tables]\nrateLimit = \"a\"\nuser = \"b\"\n[auth.columns.user]\nemail_verified = \"c\"\n";
    std::fs::write(folder.path().join("config/staging.toml"), profile).unwrap();
    let dot_env = "TASKBRIDGE_PROFILE=staging\nTASKBRIDGE__AUTH__TABLES__RATE_LIMIT=d\n\
                   TASKBRIDGE__AUTH__COLUMNS__USER__EMAILVERIFIED=e\nTASKBRIDGE__AUTH__TABLES__SESSION=\n";
    std::fs::write(folder.path().join(".env"), dot_env).unwrap();
    let found = overrides_in(folder.path(), &[("TASKBRIDGE__AUTH__COLUMNS__USER__EMAIL_VERIFIED", "f")]);
    assert_eq!(found.tables, [(AuthTable::RateLimit, name(None, "d")), (AuthTable::User, name(None, "b"))].into());
    assert_eq!(found.columns, [((AuthTable::User, "emailVerified"), "f".to_owned())].into());
}

#[test]
fn names_are_taken_as_they_are_written() {
    let longest = "ü".repeat(31);
    for (text, schema, expected) in [
        ("users", None, "users"),
        ("Users", None, "Users"),
        ("auth.users", Some("auth"), "users"),
        (r#""Auth"."users""#, Some("Auth"), "users"),
        (r#"Auth."my users""#, Some("Auth"), "my users"),
        (r#""a.b".c"#, Some("a.b"), "c"),
        (r#""a.b""#, None, "a.b"),
        (r#""say ""hi""""#, None, r#"say "hi""#),
        (r#""""""#, None, "\""),
        (r#""x; drop table y --""#, None, "x; drop table y --"),
        (&longest, None, &longest),
    ] {
        assert_eq!(table(text), name(schema, expected), "{text}");
    }
    let column = |text| overrides(&[("TASKBRIDGE__AUTH__COLUMNS__USER__EMAIL", text)]).columns;
    assert_eq!(column(r#""e.mail""#), [((AuthTable::User, "email"), "e.mail".to_owned())].into());
}

#[test]
fn invalid_names_are_errors() {
    let too_long = "ü".repeat(32);
    let long_schema = format!("{too_long}.users");
    for text in [
        ".",
        ".users",
        "auth.",
        "a.b.c",
        " users",
        "my users",
        "\"\"",
        "\"users",
        "users\"",
        "us\"ers",
        "\"us\"ers",
        "\"us\"ers\"",
        "\"a\0b\"",
        "a\0b",
        &too_long,
        &long_schema,
    ] {
        let said = message("auth.tables.user", &[("TASKBRIDGE__AUTH__TABLES__USER", text)]);
        assert!(said.starts_with("must be the name of a table"), "{text}: {said}");
        let said = message("auth.columns.user.name", &[("TASKBRIDGE__AUTH__COLUMNS__USER__NAME", text)]);
        assert!(said.starts_with("must be the name of a column"), "{text}: {said}");
    }
    let said = message("auth.columns.user.name", &[("TASKBRIDGE__AUTH__COLUMNS__USER__NAME", "user.name")]);
    assert!(said.starts_with("must be the name of a column"), "{said}");
}

#[test]
fn unknown_tables_and_columns_are_errors_that_list_the_known_ones() {
    let tables = "Better Auth has user, session, account, verification, jwks, rateLimit";
    for (key, variable, expected) in [
        ("auth.tables.users", "TASKBRIDGE__AUTH__TABLES__USERS", "unknown table; did you mean user? "),
        ("auth.tables.members", "TASKBRIDGE__AUTH__TABLES__MEMBERS", "unknown table; "),
        ("auth.columns.users.email", "TASKBRIDGE__AUTH__COLUMNS__USERS__EMAIL", "unknown table; did you mean user? "),
    ] {
        assert_eq!(message(key, &[(variable, "x")]), format!("{expected}{tables}"));
    }
    assert_eq!(
        message("auth.columns.user.mail", &[("TASKBRIDGE__AUTH__COLUMNS__USER__MAIL", "x")]),
        "unknown column of the table user; did you mean email? Better Auth has id, name, email, emailVerified, image, \
         createdAt, updatedAt"
    );
    for (key, variable, expected) in [
        ("auth.tables", "TASKBRIDGE__AUTH__TABLES", "must be a section; "),
        ("auth.columns", "TASKBRIDGE__AUTH__COLUMNS", "must be a section; "),
        ("auth.columns.user", "TASKBRIDGE__AUTH__COLUMNS__USER", "must be one name; "),
        ("auth.tables.user.name", "TASKBRIDGE__AUTH__TABLES__USER__NAME", "must be one name; "),
    ] {
        assert!(message(key, &[(variable, "x")]).starts_with(expected), "{key}");
    }
}

#[test]
fn values_of_other_types_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    let profile = "[auth.tables]\nuser = \"\"\nsession = [\"a\"]\n[auth.columns.user]\nname = { a = \"b\" }\n";
    std::fs::write(folder.path().join("config/staging.toml"), profile).unwrap();
    let errors = read_in(folder.path(), &[("BETTER_AUTH_SECRET", SECRET), DATABASE, ("TASKBRIDGE_PROFILE", "staging")]);
    let errors: Vec<_> = errors.unwrap_err().into_iter().map(|error| (error.key, error.message)).collect();
    let [(column, unknown), (session, list), (user, empty)] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(column == "auth.columns.user.name.a" && unknown.starts_with("must be one name"), "{errors:?}");
    assert!(session == "auth.tables.session" && list == "must be one value, not a list", "{errors:?}");
    assert!(user == "auth.tables.user" && empty.starts_with("must be the name of a table"), "{errors:?}");
}

#[test]
fn names_are_for_postgresql() {
    let variables = [("BETTER_AUTH_SECRET", SECRET), ("TASKBRIDGE__AUTH__TABLES__USER", "users")];
    let errors = read(&variables).unwrap_err();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(error.key == "auth.tables.user" && error.message.starts_with("is for PostgreSQL; "), "{error:?}");
}

/// In bridge mode, `tasks` refers to the table of users if it is in the same database.
#[test]
fn names_are_read_in_both_modes() {
    let bridge = [("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", "https://app.example.test")];
    let found = overrides(&[&bridge[..], &[("TASKBRIDGE__AUTH__TABLES__USER", "users")]].concat());
    assert_eq!(found.tables, [(AuthTable::User, name(None, "users"))].into());
}

#[test]
fn names_are_shown_with_the_other_settings() {
    let environment =
        [DATABASE, ("BETTER_AUTH_SECRET", SECRET), ("TASKBRIDGE__AUTH__COLUMNS__RATE_LIMIT__LAST_REQUEST", "last")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let configuration = Configuration::read(Path::new("/nonexistent"), environment.into()).unwrap();
    let lines: Vec<_> = configuration.lines().map(|line| line.to_string()).collect();
    let shown: Vec<_> = lines.iter().filter(|line| line.starts_with("auth.columns")).collect();
    let [line] = shown.as_slice() else { panic!("{shown:?}") };
    assert!(line.starts_with("auth.columns.rateLimit.lastRequest = last "), "{line}");
    assert!(line.ends_with("# TASKBRIDGE__AUTH__COLUMNS__RATE_LIMIT__LAST_REQUEST in the environment"), "{line}");
    assert!(lines.is_sorted(), "{lines:?}");
}
