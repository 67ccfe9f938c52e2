use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::map::ColumnMap;

/// Returns a map with names that are hard to tell apart, in another schema, and with hostile ones.
fn renamed() -> SchemaMap {
    let table = |table: AuthTable, name: &str, columns: &[(&'static str, &str)]| {
        let mut names = TableMap { schema: Some("A\"uth".into()), name: name.into(), ..TableMap::canonical(table) };
        for (column, name) in columns {
            names.columns.insert(column, ColumnMap { name: (*name).into(), data_type: String::new() });
        }
        (table, names)
    };
    SchemaMap::new(BTreeMap::from([
        table(
            AuthTable::User,
            "session",
            &[("email", r#"e"mail; drop table x --"#), ("emailVerified", "it's"), ("name", "user.email")],
        ),
        table(AuthTable::Session, "user", &[("token", "session"), ("userId", "user"), ("expiresAt", "expires_at")]),
    ]))
}

#[track_caller]
fn check(sql: &str, expected: &str) {
    assert_eq!(Rewriter::new(renamed()).rewrite(sql).as_deref(), Ok(expected));
}

#[test]
fn names_depend_on_the_table_of_the_marker() {
    check(
        r#"SELECT "better_auth.session"."session.id" AS "session.id" FROM "better_auth.session""#,
        r#"SELECT "A""uth"."user"."id" AS "session.id" FROM "A""uth"."user""#,
    );
    check(
        r#"UPDATE "better_auth.user" SET "user.name" = $1 WHERE "better_auth.user"."user.email" = $2"#,
        r#"UPDATE "A""uth"."session" SET "user.email" = $1 WHERE "A""uth"."session"."e""mail; drop table x --" = $2"#,
    );
}

#[test]
fn columns_of_the_result_keep_their_markers() {
    check(
        r#"SELECT CAST("session.token" AS text), "better_auth.session"."session.expiresAt" , "user.emailVerified"
            FROM "better_auth.session""#,
        r#"SELECT CAST("session" AS text) AS "session.token", "A""uth"."user"."expires_at" AS "session.expiresAt" , "it's" AS "user.emailVerified"
            FROM "A""uth"."user""#,
    );
    check(
        r#"INSERT INTO "better_auth.session" ("session.id", "session.token") VALUES ($1, $2) RETURNING CAST("session.id" AS text), "session.expiresAt""#,
        r#"INSERT INTO "A""uth"."user" ("id", "session") VALUES ($1, $2) RETURNING CAST("id" AS text) AS "session.id", "expires_at" AS "session.expiresAt""#,
    );
    // Expressions and columns that have a name keep it.
    check(
        r#"select count("user.id"), "user.email" as mail, cast("user.name" as text) as "B_user.name" from "better_auth.user""#,
        r#"select count("id"), "e""mail; drop table x --" as mail, cast("user.email" as text) as "B_user.name" from "A""uth"."session""#,
    );
}

#[test]
fn joins_and_subqueries_need_no_names_of_columns() {
    check(
        r#"SELECT "session.id" AS "A_session.id" FROM "better_auth.session" LEFT JOIN "better_auth.user" ON "better_auth.session"."session.userId" = "better_auth.user"."user.id" WHERE "session.token" IN (SELECT "session.token" FROM "better_auth.session" AS "r0" WHERE "r0"."session.userId" = $1) ORDER BY "session.expiresAt", "session.id""#,
        r#"SELECT "id" AS "A_session.id" FROM "A""uth"."user" LEFT JOIN "A""uth"."session" ON "A""uth"."user"."user" = "A""uth"."session"."id" WHERE "session" IN (SELECT "session" FROM "A""uth"."user" AS "r0" WHERE "r0"."user" = $1) ORDER BY "expires_at", "id""#,
    );
}

#[test]
fn upserts_refer_to_the_table_by_its_name() {
    check(
        r#"INSERT INTO "better_auth.user" ("user.name") VALUES ($1) ON CONFLICT ("user.email") DO UPDATE SET "user.name" = "excluded"."user.name" WHERE "better_auth.user"."user.emailVerified""#,
        r#"INSERT INTO "A""uth"."session" ("user.email") VALUES ($1) ON CONFLICT ("e""mail; drop table x --") DO UPDATE SET "user.email" = "excluded"."user.email" WHERE "A""uth"."session"."it's""#,
    );
}

#[test]
fn text_in_quotes_stays() {
    for sql in [
        r#"select '"user.email"', 'it''s "better_auth.user"' from "tasks""#,
        r#"select "a""user.email" from "tasks" where "title" = 'x"'"#,
        r#"select "user", "email", "A_user.email", user.email from "tasks" order by "user_id" collate "C""#,
        r#"select "never ends"#,
        r#"select ""#,
        "select 'never ends",
        "",
    ] {
        check(sql, sql);
        assert!(matches!(Rewriter::new(renamed()).rewrite(sql), Ok(Cow::Borrowed(_))), "{sql}");
    }
}

/// A column may have a name that is a marker, or that contains quotation marks.
#[test]
fn verbatim_names_stand_for_themselves() {
    for name in ["user.email", "better_auth.user", "better_auth:x", "user.none", r#"a"user.email"b"#, "", "plain"] {
        let sql = format!("select {}.x", quoted(&verbatim(name)));
        check(&sql, &format!("select {}.x", quoted(name)));
    }
}

#[test]
fn markers_without_a_name_are_errors() {
    for marker in
        ["user.none", "better_auth.none", "better_auth.", "user.", "user.user.email", "better_auth.user.email"]
    {
        let error = Rewriter::new(renamed()).rewrite(&format!(r#"select "{marker}""#)).map(Cow::into_owned);
        assert_eq!(error, Err(UnknownMarker(marker.to_owned())));
    }
    let without = TableMap { columns: BTreeMap::new(), ..TableMap::canonical(AuthTable::Jwks) };
    let map = SchemaMap::new(BTreeMap::from([(AuthTable::Jwks, without)]));
    assert!(Rewriter::new(map).rewrite(r#"select "jwks.alg""#).is_err());
}

#[test]
fn every_marker_of_the_canonical_map_is_the_name_of_better_auth() {
    let rewriter = Rewriter::new(SchemaMap::canonical());
    for table in AuthTable::ALL {
        let from = format!(r#"from "{}""#, table.marker());
        assert_eq!(rewriter.rewrite(&from).as_deref(), Ok(format!(r#"from "{}""#, table.name()).as_str()));
        for column in table.columns() {
            let set = format!(r#"set "{}.{column}" = 1"#, table.name());
            assert_eq!(rewriter.rewrite(&set).as_deref(), Ok(format!(r#"set "{column}" = 1"#).as_str()));
        }
    }
}

proptest! {
    /// No text makes the rewriter panic, and without a dot or a colon in it there is no marker.
    #[test]
    fn text_without_markers_is_unchanged(sql in r#"([ -9;-~é'"(),]|select |from |returning | as |"user"|cast\(){0,40}"#) {
        let (rewriter, without) = (Rewriter::new(renamed()), sql.replace('.', ""));
        prop_assert_eq!(rewriter.rewrite(&without).map(Cow::into_owned), Ok(without.clone()));
        _ = rewriter.rewrite(&sql);
    }
}
