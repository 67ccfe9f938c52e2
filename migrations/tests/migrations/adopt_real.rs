//! Tables of Better Auth as apps really have them: made by older versions and by other tools, with other names and ids.

use sea_orm_migration::sea_orm::ConnectionTrait;
use taskbridge_migrations::{Assigned, MigrateError, MigrationReport, Migrations, Users};
use taskbridge_schema::{AuthTable, IdKind, Overrides, QualifiedName};

use crate::databases::{Database, TABLES, migrate, open, test_on};

test_on!(
    [Postgres],
    [
        tables_of_each_version_are_adopted,
        the_issuer_of_some_versions_needs_one_command,
        an_upgraded_database_gets_what_is_missing,
        tables_of_drizzle_and_prisma_are_adopted,
        ids_of_other_types_are_adopted,
        no_second_set_is_created_beside_renamed_tables,
        an_empty_second_set_is_not_used,
        tables_of_another_schema_are_adopted,
        two_installations_in_one_database_keep_apart,
        settings_give_names_that_cannot_be_recognized,
        additions_are_made_at_each_start,
        additions_do_not_wait_for_long,
        a_change_during_the_migration_is_noticed,
        tasks_with_owners_of_another_type_are_refused,
        the_command_for_tasks_of_other_users_works,
        the_commands_of_refusals_work,
        privileges_of_a_renamed_id_and_of_second_factors_are_checked,
        special_columns_and_tables_are_told_apart,
        row_level_security_that_hides_rows_is_reported,
        privileges_on_renamed_tables_are_checked,
        tables_of_the_app_that_look_alike_are_left_alone,
        tables_with_hidden_rows_are_not_called_empty,
        tables_of_another_app_are_not_taken,
        names_of_new_tables_must_be_free,
        a_deferrable_constraint_is_not_unique_enough,
    ]
);

const OFFICIAL: &str = include_str!("../../../tests/vectors/schema-postgres-text-ids.sql");
const UUID: &str = include_str!("../../../tests/vectors/schema-postgres-uuid-ids.sql");
const SERIAL: &str = include_str!("../../../tests/vectors/schema-postgres-serial-ids.sql");

/// Tables that Drizzle creates from the schema that Better Auth generates.
const DRIZZLE: &str = r#"
create table "user" ("id" text primary key not null, "name" text not null, "email" text not null unique, "email_verified" boolean default false not null, "image" text, "created_at" timestamp default now() not null, "updated_at" timestamp default now() not null);
create table "session" ("id" text primary key not null, "expires_at" timestamp not null, "token" text not null unique, "created_at" timestamp default now() not null, "updated_at" timestamp not null, "ip_address" text, "user_agent" text, "user_id" text not null references "user"("id") on delete cascade);
create table "account" ("id" text primary key not null, "account_id" text not null, "provider_id" text not null, "user_id" text not null references "user"("id") on delete cascade, "access_token" text, "refresh_token" text, "id_token" text, "access_token_expires_at" timestamp, "refresh_token_expires_at" timestamp, "scope" text, "password" text, "created_at" timestamp default now() not null, "updated_at" timestamp not null);
create table "verification" ("id" text primary key not null, "identifier" text not null, "value" text not null, "expires_at" timestamp not null, "created_at" timestamp default now() not null, "updated_at" timestamp default now() not null);
create table "jwks" ("id" text primary key not null, "public_key" text not null, "private_key" text not null, "created_at" timestamp not null, "expires_at" timestamp);
"#;

/// The tables of a version are those of the newest one without what later versions added.
const OLDER: &str = r#"
alter table "user" alter "createdAt" type timestamp, alter "createdAt" drop default, alter "updatedAt" type timestamp, alter "updatedAt" drop default;
alter table "session" alter "expiresAt" type timestamp, alter "createdAt" type timestamp, alter "createdAt" drop default, alter "updatedAt" type timestamp;
alter table "account" alter "createdAt" type timestamp, alter "createdAt" drop default, alter "updatedAt" type timestamp;
alter table "verification" alter "createdAt" drop not null, alter "updatedAt" drop not null;
alter table "jwks" drop column "alg", drop column "crv", drop column "expiresAt";
alter table "rateLimit" drop constraint "rateLimit_key_key";
insert into "rateLimit" values ('1', 'same', 1, 1), ('2', 'same', 2, 2);
drop index "session_userId_idx"; drop index "account_userId_idx"; drop index "verification_identifier_idx";
"#;

/// Applies the migrations that create or adopt the tables.
async fn adopt(database: &Database, overrides: &Overrides) -> Result<MigrationReport, MigrateError> {
    let migrations = Migrations::of(Users::Here).up_to(TABLES[1]).with_overrides(overrides.clone());
    migrate(&migrations, &database.connection, &database.url).await
}

async fn adopted(database: &Database) -> MigrationReport {
    database.adopt(Users::Here).await.unwrap()
}

/// Returns the names of the tables in a schema, without those of Taskbridge.
async fn tables(database: &Database, schema: &str) -> String {
    let select = "select coalesce(string_agg(tablename::text, ' ' order by tablename), '') from pg_tables";
    let ours = "tablename not in ('tasks', 'seaql_migrations')";
    database.text(&format!("{select} where schemaname = '{schema}' and {ours}")).await
}

fn renamed(script: &str, names: [(&str, &str); 3]) -> String {
    names
        .iter()
        .fold(script.to_owned(), |script, (old, new)| script.replace(&format!("\"{old}\""), &format!("\"{new}\"")))
}

const PLURAL: [(&str, &str); 3] = [("user", "users"), ("session", "sessions"), ("account", "accounts")];

/// Tables that Better Auth's migrators of several versions, Drizzle and Prisma created. Each file is a dump of its schema.
/// Those in this list need one step, which the refusal names.
const WITH_ONE_STEP: [(&str, &[&str]); 2] = [
    ("1.7.2", &["run: alter table \"account\" alter column \"issuer\" set default 'local:credential'"]),
    (
        "renamed-freely",
        &[
            "set auth.columns.user.email (TASKBRIDGE__AUTH__COLUMNS__USER__EMAIL) to its name in the database; it could be \"address\"",
            "set auth.columns.account.providerId (TASKBRIDGE__AUTH__COLUMNS__ACCOUNT__PROVIDER_ID) to its name in the database; it could be \"provider\"",
        ],
    ),
];

async fn tables_of_each_version_are_adopted(mut database: Database) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/better-auth");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        database.run(&std::fs::read_to_string(&file).unwrap()).await;
        let before: Vec<_> = tables(&database, "public").await.split(' ').map(str::to_owned).collect();
        if let Some((_, steps)) = WITH_ONE_STEP.iter().find(|(file, _)| *file == name) {
            let line = database.refusal(Users::Here).await;
            assert!(steps.iter().all(|step| line.contains(step)), "{name}: {line}");
        } else {
            adopt(&database, &Overrides::default()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let plan = Migrations::of(Users::Here).plan(&database.connection).await.unwrap();
            assert!(plan.additions.is_empty() && plan.existing.len() == 6, "{name}: {plan:?}");
            let after = tables(&database, "public").await;
            assert_eq!(after.split(' ').collect::<Vec<_>>(), before, "{name}");
        }
        database.run("drop schema if exists auth cascade").await;
        database = database.cleared().await;
    }
}

async fn the_issuer_of_some_versions_needs_one_command(database: Database) {
    database.run(include_str!("../../../tests/vectors/better-auth/1.7.2.sql")).await;
    database.run(WITH_ONE_STEP[0].1[0].strip_prefix("run: ").unwrap()).await;
    assert!(adopted(&database).await.map.is_canonical());
    database.run(r#"insert into "user" ("id", "name", "email", "emailVerified") values ('ann', 'Ann', 'a@example.test', true)"#).await;
    database.run(r#"insert into "account" ("id", "accountId", "providerId", "userId", "updatedAt") values ('a', 'ann', 'credential', 'ann', now())"#).await;
    assert_eq!(database.text(r#"select issuer from "account""#).await, "local:credential");
}

async fn an_upgraded_database_gets_what_is_missing(database: Database) {
    database.run(&format!("{OFFICIAL}; {OLDER}")).await;
    let plan = Migrations::of(Users::Here).plan(&database.connection).await.unwrap();
    let words: Vec<_> = plan.additions.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            r#"add the column "expiresAt" to the table "jwks""#,
            r#"add the column "alg" to the table "jwks""#,
            r#"add the column "crv" to the table "jwks""#,
            r#"empty the table "rateLimit" and make its column "key" unique"#,
        ]
    );
    let report = adopted(&database).await;
    assert!(report.map.is_canonical());
    assert_eq!(database.text(r#"select count(*)::text from "rateLimit""#).await, "0");
    let unique = r#"insert into "rateLimit" values ('1', 'k', 1, 1) on conflict ("key") do nothing"#;
    database.run(unique).await;
    assert!(database.schema().await.contains(&"jwks 6 alg text YES NO".to_owned()), "{:?}", database.schema().await);
    assert!(Migrations::of(Users::Here).plan(&database.connection).await.unwrap().additions.is_empty());
}

async fn tables_of_drizzle_and_prisma_are_adopted(database: Database) {
    for (names, tables_of_app) in [
        (PLURAL, "accounts jwks rate_limit sessions users verification"),
        (
            [("user", "user"), ("session", "session"), ("account", "account")],
            "account jwks rate_limit session user verification",
        ),
        (
            [("user", "User"), ("session", "Session"), ("account", "Account")],
            "Account Session User jwks rate_limit verification",
        ),
    ] {
        let database = database.another().await;
        database.run(&renamed(DRIZZLE, names)).await;
        let report = adopted(&database).await;
        let users = report.map.table(AuthTable::User);
        assert_eq!((users.name.as_str(), users.columns["emailVerified"].name.as_str()), (names[0].1, "email_verified"));
        assert_eq!(tables(&database, "public").await, tables_of_app);
        let key = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'tasks_user_id_fkey'";
        assert!(database.text(key).await.contains(names[0].1), "{}", database.text(key).await);
        assert!(database.adopt(Users::Here).await.unwrap().applied.is_empty());
    }
    // Prisma names columns as Better Auth does, and times have no zone.
    let prisma = OFFICIAL.replace("timestamptz", "timestamp(3)").replace("text not null unique", "text not null");
    let indices = r#"create unique index a on "User" ("email"); create unique index b on "Session" ("token"); create unique index c on "RateLimit" ("key");"#;
    let names = [("user", "User"), ("session", "Session"), ("account", "Account")];
    let prisma = renamed(&prisma, names).replace("\"rateLimit\"", "\"RateLimit\"").replace("\"jwks\"", "\"Jwks\"");
    database.run(&format!("{prisma}; {indices}")).await;
    let report = adopted(&database).await;
    assert_eq!(tables(&database, "public").await, "Account Jwks RateLimit Session User verification");
    assert_eq!(report.map.table(AuthTable::RateLimit).name, "RateLimit");
}

async fn ids_of_other_types_are_adopted(database: Database) {
    let identity = "GENERATED BY DEFAULT AS IDENTITY";
    for (script, data_type) in [
        (UUID.to_owned(), "uuid"),
        (SERIAL.to_owned(), "integer"),
        (
            SERIAL
                .replace(&format!("integer {identity}"), "bigserial")
                .replace("\"userId\" integer", "\"userId\" bigint"),
            "bigint",
        ),
        (SERIAL.replace("BY DEFAULT", "ALWAYS"), "integer"),
    ] {
        let database = database.another().await;
        database.run(&script).await;
        let before = database.schema().await;
        let report = adopted(&database).await;
        assert_ne!(report.map.table(AuthTable::User).id, IdKind::Text, "{data_type}");
        let select = "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'tasks'::regclass and attname = 'user_id'";
        assert_eq!(database.text(select).await, data_type);
        let after = database.schema().await;
        assert!(before.iter().all(|line| after.contains(line)), "{after:?}");
        // Texts that are no ids of this type are unknown users, not errors of the database.
        for id in ["ann", "01", "0F8FAD5B-D9CB-469F-A165-70867728950E"] {
            let error = Migrations::of(Users::Here).assign_tasks(&database.connection, id, None).await.unwrap_err();
            assert!(error.to_string().contains("there is no user with the id"), "{error}");
        }
        assert_eq!(database.up(Users::Here).await.unwrap().tasks_without_owner, 0);
        let former = if data_type == "uuid" { "0f8fad5b-d9cb-469f-a165-70867728950e" } else { "7" };
        let insert = format!(
            r#"insert into "user" ("name", "email", "emailVerified") values ('Ann', 'a@example.test', true);
            alter table tasks drop constraint tasks_user_id_fkey;
            insert into tasks (user_id, title, created_at, updated_at) values ('{former}', 'x', now(), now())"#
        );
        database.run(&insert).await;
        let user = database.text(r#"select "id"::text from "user""#).await;
        let migrations = Migrations::of(Users::Here);
        let hidden = migrations.hidden_tasks(&database.connection).await.unwrap();
        assert_eq!((hidden.unknown_owners.tasks, hidden.unknown_owners.examples), (1, vec![former.to_owned()]));
        for (of, assigned) in [("ann", 0), (former, 1)] {
            let expected = vec![Assigned { table: "tasks", rows: assigned }];
            assert_eq!(migrations.assign_tasks(&database.connection, &user, Some(of)).await.unwrap(), expected);
        }
        let unfit = database.another().await;
        unfit.run(&script).await;
        assert_eq!(unfit.adopt(Users::Elsewhere).await.unwrap().applied, [TABLES[1]]);
        let line = unfit.refusal(Users::Here).await;
        let command = format!(
            "run: alter table \"tasks\" alter column \"user_id\" type {data_type} using nullif(\"user_id\"::text, '')::{data_type}"
        );
        assert!(line.contains(&format!("{command}; taskbridge tasks import --from tasks resolves")), "{line}");
        unfit.run(command.strip_prefix("run: ").unwrap()).await;
        assert_eq!(unfit.adopt(Users::Here).await.unwrap().applied, [TABLES[0]]);
        assert_eq!(
            unfit.text("select count(*)::text from pg_constraint where conname = 'tasks_user_id_fkey'").await,
            "1"
        );
    }
}

async fn no_second_set_is_created_beside_renamed_tables(database: Database) {
    for missing in ["users", "sessions", "accounts"] {
        let database = database.another().await;
        database.run(&renamed(OFFICIAL, PLURAL)).await;
        database.run(&format!("drop table {missing} cascade")).await;
        let line = database.refusal(Users::Here).await;
        let name = missing.trim_end_matches('s');
        assert!(
            line.contains(&format!(
                "set auth.tables.{name} (TASKBRIDGE__AUTH__TABLES__{}) to the name of the table",
                name.to_uppercase()
            )),
            "{line}"
        );
    }
    let renamed = renamed(OFFICIAL, PLURAL);
    database.run(&renamed).await;
    let report = adopted(&database).await;
    assert_eq!(tables(&database, "public").await, "accounts jwks rateLimit sessions users verification");
    assert!(!report.map.is_canonical());
}

/// Older versions of Taskbridge created a second set of tables beside renamed ones, and `tasks` refers to it.
async fn an_empty_second_set_is_not_used(database: Database) {
    adopted(&database).await;
    let script = renamed(OFFICIAL, PLURAL);
    let core: String = script
        .split_inclusive(';')
        .filter(|part| part.contains("\"users\"") && part.contains("create table"))
        .collect();
    database.run(&core).await;
    database.run(r#"insert into "users" ("id", "name", "email", "emailVerified") values ('ann', 'Ann', 'a@example.test', true)"#).await;
    let plan = Migrations::of(Users::Here).plan(&database.connection).await.unwrap();
    assert_eq!(plan.map.table(AuthTable::User).name, "users");
    let drop = plan.notices.iter().find_map(|notice| Some(notice.next.split_once("run: drop")?.1)).unwrap();
    let line = database.refusal(Users::Here).await;
    let command = line.split_once("run: ").unwrap().1.split_once(", or use AUTH_MODE=bridge").unwrap().0;
    database.run(command).await;
    database.run(&format!("drop{drop}")).await;
    let report = adopted(&database).await;
    assert_eq!(report.map.table(AuthTable::User).name, "users");
    assert_eq!(tables(&database, "public").await, "accounts jwks rateLimit sessions users verification");
}

async fn tables_of_another_schema_are_adopted(database: Database) {
    database
        .run(&format!(
            "create schema \"Auth\"; set search_path = \"Auth\"; {}; set search_path = default",
            renamed(OFFICIAL, PLURAL)
        ))
        .await;
    database.run(r#"drop table "Auth"."jwks""#).await;
    let migrations = Migrations::of(Users::Here).up_to(TABLES[1]);
    let report = migrate(&migrations, &database.connection, &database.url).await.unwrap();
    assert_eq!(report.map.table(AuthTable::User).quoted(), r#""Auth"."users""#);
    assert_eq!(tables(&database, "Auth").await, "accounts jwks rateLimit sessions users verification");
    assert_eq!(tables(&database, "public").await, "");
    database.run(r#"insert into "Auth"."users" ("id", "name", "email", "emailVerified") values ('ann', 'Ann', 'a@example.test', true)"#).await;
    database.add_task().await;
    database.run(r#"delete from "Auth"."users""#).await;
    assert_eq!(database.text("select count(*)::text from tasks").await, "0");
}

async fn two_installations_in_one_database_keep_apart(database: Database) {
    adopted(&database).await;
    database.add_task().await;
    let path = "set search_path = second";
    database.run(&format!("create schema second; {path}")).await;
    let report = adopted(&database).await;
    assert!(report.map.is_canonical(), "{:?}", report.map);
    assert_eq!(tables(&database, "second").await, "account jwks rateLimit session user verification");
    // In the search path, the tables are those that a statement without a schema already means.
    database.run(&format!("drop schema second cascade; create schema second; {path}, public")).await;
    let report = adopt(&database, &Overrides::default()).await.unwrap();
    assert_eq!(report.map.table(AuthTable::User).schema.as_deref(), Some("public"));
}

async fn settings_give_names_that_cannot_be_recognized(database: Database) {
    let script =
        renamed(OFFICIAL, PLURAL).replace("\"providerId\"", "\"provider\"").replace("\"accountId\"", "\"external_id\"");
    database.run(&script).await;
    let mut overrides = Overrides::default();
    let line = adopt(&database, &overrides).await.unwrap_err().to_string();
    assert!(
        line.contains("set auth.tables.account (TASKBRIDGE__AUTH__TABLES__ACCOUNT) to the name of the table"),
        "{line}"
    );
    overrides.tables.insert(AuthTable::Account, QualifiedName { schema: None, name: "accounts".to_owned() });
    let line = adopt(&database, &overrides).await.unwrap_err().to_string();
    assert!(
        line.contains("(2) ")
            && line.contains("set auth.columns.account.providerId (TASKBRIDGE__AUTH__COLUMNS__ACCOUNT__PROVIDER_ID) to its name in the database; it could be"),
        "{line}"
    );
    overrides.columns.insert((AuthTable::Account, "providerId"), "provider".to_owned());
    overrides.columns.insert((AuthTable::Account, "accountId"), "external_id".to_owned());
    let report = adopt(&database, &overrides).await.unwrap();
    assert_eq!(report.map.table(AuthTable::Account).columns["accountId"].name, "external_id");
    overrides.tables.insert(AuthTable::User, QualifiedName { schema: None, name: "people".to_owned() });
    let bridge = Migrations::of(Users::Elsewhere).with_overrides(overrides);
    let line = migrate(&bridge, &database.connection, &database.url).await.unwrap_err().to_string();
    assert!(line.contains("is named by the setting auth.tables.user, but does not exist"), "{line}");
}

/// The app may change its tables after Taskbridge has adopted them.
async fn additions_are_made_at_each_start(database: Database) {
    adopted(&database).await;
    database.run(r#"alter table "jwks" drop column "alg"; drop index "session_userId_idx""#).await;
    let migrations = Migrations::of(Users::Here).up_to(TABLES[1]);
    let readiness = migrations.check(&database.connection, false).await.unwrap();
    assert!(readiness.pending().is_empty());
    let addition = r#"add the column "alg" to the table "jwks""#;
    assert_eq!(readiness.pending_additions(), [addition]);
    let report = migrate(&migrations, &database.connection, &database.url).await.unwrap();
    assert_eq!((report.applied, report.additions), (vec![], vec![addition.to_owned()]));
    assert_eq!(
        database.text("select count(*)::text from pg_indexes where indexname = 'session_userId_idx'").await,
        "0"
    );
    database
        .run(r#"alter table "user" add column "tenant" text; alter table "user" alter column "tenant" set not null"#)
        .await;
    let line = migrations.check(&database.connection, false).await.unwrap_err().to_string();
    assert!(line.contains(r#"run: alter table "user" alter column "tenant" drop not null"#), "{line}");
}

/// Other sessions would wait behind the statement.
async fn additions_do_not_wait_for_long(database: Database) {
    adopted(&database).await;
    database.run(r#"alter table "jwks" drop column "alg""#).await;
    let reader = open(&database.url).await;
    reader.execute_unprepared(r#"begin; select * from "jwks""#).await.unwrap();
    let line = adopt(&database, &Overrides::default()).await.unwrap_err().to_string();
    let expected = r#"cannot add the column "alg" to the table "jwks": other sessions have locked the table"#;
    assert!(line.starts_with(expected), "{line}");
    reader.execute_unprepared("rollback").await.unwrap();
    database.up(Users::Here).await.unwrap();
}

/// A trigger changes the table when the table of migrations is created, as another session could.
async fn a_change_during_the_migration_is_noticed(database: Database) {
    database.run(OFFICIAL).await;
    database
        .run(
            r#"create function require_tenant() returns event_trigger language plpgsql as $$ begin
            execute 'alter table "user" add column if not exists "tenant" text not null'; end $$;
            create event trigger meanwhile on ddl_command_end when tag in ('CREATE TABLE') execute function require_tenant()"#,
        )
        .await;
    let refused = adopt(&database, &Overrides::default()).await.unwrap_err();
    assert!(
        matches!(&refused, MigrateError::Refused(line) if line.contains(r#"column "tenant": is required"#)),
        "{refused}"
    );
}

async fn tasks_with_owners_of_another_type_are_refused(database: Database) {
    database.run(UUID).await;
    database.run("create table tasks (id serial primary key, user_id integer, title text not null)").await;
    let line = database.refusal(Users::Here).await;
    assert!(
        line.ends_with(r#"is integer, but user ids are uuid in "user"; run: taskbridge tasks import --from tasks --users-from <table of these users>"#),
        "{line}"
    );
    database
        .run("drop table tasks; create table tasks (id serial primary key, user_id uuid, title text not null)")
        .await;
    adopted(&database).await;
    let select = "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'tasks'::regclass and attname = 'user_id'";
    assert_eq!(database.text(select).await, "uuid");
}

/// The tasks of an older version refer to its own, empty table of users.
async fn the_command_for_tasks_of_other_users_works(database: Database) {
    adopted(&database).await;
    database.run("drop schema if exists old cascade; create schema old").await;
    database
        .run(r#"alter table tasks drop constraint "tasks_user_id_fkey"; insert into tasks (user_id, title, created_at, updated_at) values ('', 'x', now(), now()), ('0f8fad5b-d9cb-469f-a165-70867728950e', 'x', now(), now());
            alter table "user" set schema old; drop table "session", "account", "verification", "jwks", "rateLimit" cascade;
            alter table tasks add constraint "tasks_user_id_fkey" foreign key ("user_id") references old."user" not valid"#)
        .await;
    database.run(UUID).await;
    let named = Overrides {
        tables: [(AuthTable::User, QualifiedName { schema: Some("public".to_owned()), name: "user".to_owned() })]
            .into(),
        ..Overrides::default()
    };
    let line = adopt(&database, &named).await.unwrap_err().to_string();
    database.run(line.split_once("run: ").unwrap().1.split_once("; taskbridge tasks import").unwrap().0).await;
    adopt(&database, &named).await.unwrap();
    assert_eq!(database.text("select count(*)::text from tasks where user_id is null").await, "1");
    let key = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'tasks_user_id_fkey'";
    assert!(database.text(key).await.contains(r#"REFERENCES "user"(id)"#), "{}", database.text(key).await);
}

/// Each refusal of the columns of an app that made its own tables names a command that works.
async fn the_commands_of_refusals_work(mut database: Database) {
    for (change, table) in [
        (
            r#"alter table "user" alter "emailVerified" type timestamptz using null, alter "emailVerified" set default now()"#,
            OFFICIAL,
        ),
        (
            r#"alter table "session" drop constraint "session_pkey", add column "tenant" text not null default '', add primary key ("tenant", "id")"#,
            OFFICIAL,
        ),
        (
            r#"alter table "user" alter "id" drop identity; insert into "user" ("id", "name", "email", "emailVerified") values (7, 'Ann', 'a@example.test', true)"#,
            SERIAL,
        ),
        (r#"alter table "user" alter "id" drop identity, alter "id" set default 1"#, SERIAL),
        (
            r#"alter table "user" alter "name" drop not null; insert into "user" ("id", "email", "emailVerified") values ('a', 'a@example.test', true)"#,
            OFFICIAL,
        ),
        (r#"alter table "session" alter "token" type varchar(20)"#, OFFICIAL),
    ] {
        let change = change.replace(
            "\"emailVerified\" type timestamptz",
            "\"emailVerified\" drop not null, alter \"emailVerified\" type timestamptz",
        );
        database.run(&format!("{table}; {change}")).await;
        let line = database.refusal(Users::Here).await;
        let command = line.split_once("run: ").unwrap().1.rsplit_once("; AUTH_MODE").unwrap().0;
        database.run(command).await;
        adopted(&database).await;
        if change.contains("values (7") {
            database
                .run(r#"insert into "user" ("name", "email", "emailVerified") values ('Bob', 'b@example.test', true)"#)
                .await;
            assert_eq!(database.text(r#"select max("id")::text from "user""#).await, "8");
        }
        database = database.cleared().await;
    }
}

async fn special_columns_and_tables_are_told_apart(mut database: Database) {
    for (change, refusal) in [
        (
            r#"create domain address as text check (value like '%@%'); alter table "user" alter "email" type address"#,
            None,
        ),
        (r#"alter table "user" add column "initial" text generated always as (left("name", 1)) stored"#, None),
        (r#"create unique index on "user" (lower("email"))"#, None),
        (r#"create view "users" as select * from "user""#, None),
        (
            r#"create type provider as enum ('credential'); alter table "account" alter "providerId" type provider using 'credential'"#,
            Some(
                r#"column "providerId": is provider, not text; drop the views that use it, if there are any, and run: alter table "account" alter column "providerId" type text using "providerId"::text"#,
            ),
        ),
        (r#"alter table "user" alter "image" type text[] using null"#, Some(r#"column "image": is text[], not text"#)),
        (
            r#"alter table "user" drop column "image", add column "image" text generated always as ("email") stored"#,
            Some(
                r#"column "image": is computed by the database, so it cannot be written; run: alter table "user" alter column "image" drop expression"#,
            ),
        ),
        (
            r#"drop table "session"; create table "session" ("id" text, "expiresAt" timestamptz, "token" text, "createdAt" timestamptz, "updatedAt" timestamptz, "ipAddress" text, "userAgent" text, "userId" text references "user", primary key ("id")) partition by hash ("id")"#,
            Some(r#"column "token": is not unique, and cannot be in a partitioned table"#),
        ),
        (
            r#"drop table "session"; create view "session" as select 1 as "id""#,
            Some(r#"table "session": exists but is not a table; rename or drop it"#),
        ),
    ] {
        database.run(&format!("{OFFICIAL}; {change}")).await;
        if let Some(part) = refusal {
            let line = database.refusal(Users::Here).await;
            assert!(line.contains(part), "{line}");
        } else {
            assert!(adopted(&database).await.map.is_canonical(), "{change}");
        }
        database = database.cleared().await;
    }
}

/// Creates a role that may use the schemas, and returns its name.
async fn role(database: &Database) -> String {
    let name = format!("role_{}", database.text("select current_database()::text").await);
    database.run(&format!("create role {name}; grant create, usage on schema public to {name}")).await;
    name
}

async fn row_level_security_that_hides_rows_is_reported(database: Database) {
    database.run(&format!(r#"{OFFICIAL}; alter table "user" enable row level security"#)).await;
    let migrations = Migrations::of(Users::Here);
    assert!(migrations.plan(&database.connection).await.unwrap().notices.is_empty(), "the owner sees all rows");
    database.run(&format!("set role {}", role(&database).await)).await;
    let notices = migrations.plan(&database.connection).await.unwrap().notices;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].found.contains(r#"row-level security of the table "user""#), "{notices:?}");
}

async fn privileges_on_renamed_tables_are_checked(database: Database) {
    let script = renamed(SERIAL, PLURAL).replace("GENERATED BY DEFAULT", "GENERATED ALWAYS");
    database.run(&format!("create schema auth; set search_path = auth; {script}; set search_path = default")).await;
    let role = role(&database).await;
    // A role that may not use the schema does not see the tables.
    database.run(&format!("set role {role}")).await;
    assert!(Migrations::of(Users::Here).plan(&database.connection).await.unwrap().existing.is_empty());
    database
        .run(&format!("reset role; grant usage on schema auth to {role}; drop table auth.jwks; set role {role}"))
        .await;
    let line = database.refusal(Users::Here).await;
    for part in [
        format!("grant create on schema \"auth\" to \"{role}\""),
        format!("grant select, insert, update, delete, references on \"auth\".\"users\" to \"{role}\""),
        format!("grant usage on sequence \"auth\".\"users_id_seq\" to \"{role}\""),
        format!("grant select, insert, update, delete on \"auth\".\"rateLimit\" to \"{role}\""),
    ] {
        assert!(line.contains(&part), "{part}: {line}");
    }
    let commands = line.split_once("run as an administrator: ").unwrap().1;
    database.run(&format!("reset role; {commands}; set role {role}")).await;
    let report = adopt(&database, &Overrides::default()).await.unwrap();
    assert_eq!(report.map.table(AuthTable::Jwks).quoted(), r#""auth"."jwks""#);
}

async fn privileges_of_a_renamed_id_and_of_second_factors_are_checked(database: Database) {
    let overrides =
        Overrides { columns: [((AuthTable::Session, "id"), "sid".to_owned())].into(), ..Overrides::default() };
    database.run(&format!(r#"{SERIAL}; alter table "session" rename "id" to "sid""#)).await;
    database.run(r#"alter sequence "session_id_seq" rename to "of_sessions""#).await;
    database.run(r#"create table "two_factor" (id text primary key, user_id integer, secret text)"#).await;
    adopt(&database, &overrides).await.unwrap();
    let role = role(&database).await;
    database
        .run(&format!("grant all on all tables in schema public to {role}; grant usage on all sequences in schema public to {role}; revoke all on sequence of_sessions from {role}; revoke all on two_factor from {role}; set role {role}"))
        .await;
    let migrations = Migrations::of(Users::Here).up_to(TABLES[1]).with_overrides(overrides);
    let line = migrations.check(&database.connection, false).await.unwrap_err().to_string();
    for part in ["grant usage on sequence \"public\".\"of_sessions\"", "grant select on \"public\".\"two_factor\""] {
        assert!(line.contains(part), "{line}");
    }
    database.run(r#"reset role; alter table "user" add column "twoFactorEnabled" boolean"#).await;
    database.run(&format!("grant usage on sequence of_sessions to {role}; set role {role}")).await;
    migrations.check(&database.connection, false).await.unwrap();
}

/// Tables of an app with the columns of sessions, keys and counters, each with a row.
const LOOK_ALIKES: &str = r#"
create table device_tokens (id text primary key, token text not null unique, expires_at timestamptz not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), ip_address text, user_agent text, user_id text references "user");
create table ssh_keys (id text primary key, public_key text not null, private_key text not null, created_at timestamptz not null default now(), owner text);
create table quota (id text primary key, key text not null, count integer not null, last_request bigint not null);
create table account_backup (like "account" including all);
insert into "user" ("id", "name", "email", "emailVerified") values ('ann', 'Ann', 'a@example.test', true);
insert into "account_backup" ("id", "accountId", "providerId", "userId", "updatedAt") values ('a', 'ann', 'credential', 'ann', now());
insert into device_tokens values ('d', 'secret', now(), now(), now(), null, null, 'ann');
insert into ssh_keys values ('k', 'public', 'private', now(), 'ann');
insert into quota values ('q', 'calls', 1, 1);
"#;

async fn tables_of_the_app_that_look_alike_are_left_alone(database: Database) {
    let missing = r#"drop table "session", "jwks", "rateLimit""#;
    for change in [String::new(), missing.to_owned()] {
        let database = database.another().await;
        database.run(&format!("{OFFICIAL}; {LOOK_ALIKES}; {change}")).await;
        let report = adopted(&database).await;
        assert!(report.map.is_canonical(), "{:?}", report.map);
        let rows = "select concat((select count(*) from device_tokens), (select count(*) from ssh_keys), (select count(*) from quota))";
        assert_eq!(database.text(rows).await, "111");
        let columns = "select count(*)::text from information_schema.columns where table_name = 'ssh_keys'";
        assert_eq!(database.text(columns).await, "5");
    }
}

async fn tables_with_hidden_rows_are_not_called_empty(database: Database) {
    let others = [("user", "users2"), ("session", "sessions2"), ("account", "accounts2")];
    database
        .run(&format!(
            "{OFFICIAL}; alter index \"session_userId_idx\" rename to s; alter index \"account_userId_idx\" rename to a"
        ))
        .await;
    let core = |script: String| script.split(';').take(3).collect::<Vec<_>>().join(";");
    database.run(&core(renamed(OFFICIAL, others))).await;
    for (table, id) in [("user", "ann"), ("users2", "bob")] {
        let insert = format!(
            r#"insert into "{table}" ("id", "name", "email", "emailVerified") values ('{id}', 'A', '{id}@example.test', true)"#
        );
        database.run(&insert).await;
    }
    let role = role(&database).await;
    let hide = r#"alter table "user" enable row level security; alter table "session" enable row level security; alter table "account" enable row level security"#;
    database.run(&format!("{hide}; grant select on all tables in schema public to {role}; set role {role}")).await;
    let plan = Migrations::of(Users::Here).plan(&database.connection).await.unwrap();
    assert_eq!(plan.map.table(AuthTable::User).name, "user");
    assert!(!format!("{:?}", plan.notices).contains("drop table"), "{:?}", plan.notices);
}

async fn tables_of_another_app_are_not_taken(database: Database) {
    database
        .run(&format!("create schema crm; create schema own; set search_path = crm; {OFFICIAL}; set search_path = own"))
        .await;
    let line = database.refusal(Users::Here).await;
    assert!(line.contains("set auth.tables.user (TASKBRIDGE__AUTH__TABLES__USER) to crm.user; otherwise"), "{line}");
    let bridge = Migrations::of(Users::Elsewhere).plan(&database.connection).await.unwrap();
    assert!(bridge.existing.is_empty(), "{bridge:?}");
    let role = role(&database).await;
    database.run(&format!("grant usage on schema own to {role}; set role {role}")).await;
    let plan = Migrations::of(Users::Here).plan(&database.connection).await.unwrap();
    assert!(plan.notices[0].found.contains("the role must not use its schema"), "{:?}", plan.notices);
}

async fn names_of_new_tables_must_be_free(mut database: Database) {
    let tables = DRIZZLE.lines().filter(|line| !line.contains("\"jwks\"")).collect::<String>();
    for (taken, name) in [
        ("create table rate_limit (ip text, hits integer)", "rate_limit"),
        ("create type jwks as enum ('a')", "jwks"),
        ("create sequence jwks", "jwks"),
    ] {
        database.run(&format!("{tables}; {taken}")).await;
        let line = database.refusal(Users::Here).await;
        assert!(line.contains(&format!("table \"{name}\": exists, but is not Better Auth's")), "{line}");
        database = database.cleared().await;
    }
}

/// PostgreSQL accepts no deferrable constraint for `on conflict`.
async fn a_deferrable_constraint_is_not_unique_enough(database: Database) {
    let defer = r#"alter table "rateLimit" drop constraint "rateLimit_key_key", add unique ("key") deferrable"#;
    database.run(&format!("{OFFICIAL}; {defer}")).await;
    let plan = Migrations::of(Users::Here).plan(&database.connection).await.unwrap();
    assert!(plan.additions.is_empty() && plan.refusals.len() == 1, "{plan:?}");
    database.run(plan.refusals[0].next.strip_prefix("run: ").unwrap()).await;
    assert!(adopted(&database).await.additions.is_empty());
    database.run(r#"insert into "rateLimit" values ('1', 'k', 1, 1) on conflict ("key") do nothing"#).await;
}
