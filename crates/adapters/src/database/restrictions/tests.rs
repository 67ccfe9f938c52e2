use super::columns::{FactorTable, RestrictionColumns, SecondFactor};
use super::flag::is_set;
use super::names::Meaning;
use crate::database::catalog::{Column, Table};

fn column(name: &str, data_type: &str) -> Column {
    Column { name: name.to_owned(), data_type: data_type.to_owned() }
}

#[test]
fn known_columns_are_found_however_they_are_spelt() {
    let spelt = |banned: &str, expires: &str, enabled: &str| {
        let user = [column("id", "text"), column(banned, "boolean"), column(expires, "date"), column(enabled, "x")];
        RestrictionColumns::among(&user, &[])
    };
    for (banned, expires, enabled) in
        [("banned", "banExpires", "twoFactorEnabled"), ("is_banned", "ban_expires", "two_factor_enabled")]
    {
        let expected = RestrictionColumns {
            banned: Some(column(banned, "boolean")),
            ban_expires: Some(column(expires, "date")),
            second_factor: SecondFactor::Column(column(enabled, "x")),
        };
        assert_eq!(spelt(banned, expires, enabled), expected);
    }
    assert_eq!(RestrictionColumns::among(&[column("id", "text")], &[]), RestrictionColumns::default());
    let (user_id, verified) = (column("userId", "text"), column("verified", "boolean"));
    let table = Table { schema: None, name: "twoFactor".into(), columns: vec![user_id.clone(), verified.clone()] };
    let found = RestrictionColumns::among(&[], std::slice::from_ref(&table)).second_factor;
    assert_eq!(
        found,
        SecondFactor::Tables(vec![FactorTable { table: table.identifier(), user_id, verified: Some(verified) }])
    );
}

#[test]
fn columns_that_are_enforced_are_not_reported() {
    let names = ["banned", "isBanned", "banReason", "banExpires", "twoFactorEnabled", "isActive"];
    let columns = names.map(|name| column(name, "text"));
    let known = RestrictionColumns::among(&columns, &[]);
    assert_eq!(columns.each_ref().map(|column| known.include(column)), [true, false, true, true, true, false]);
    // Without the column `banned`, the columns with details of a ban have no meaning.
    let known = RestrictionColumns::among(&columns[2..], &[]);
    assert!(!known.include(&columns[2]) && !known.include(&columns[3]));
}

#[test]
fn a_flag_restricts_unless_it_says_no() {
    for (text, expected) in [("1", true), ("true", true), ("yes", true), ("0", false), ("False", false), ("", false)] {
        assert_eq!(is_set(text), expected, "{text}");
    }
}

#[test]
fn names_that_suggest_a_restriction_are_told_from_others() {
    use Meaning::{Allowed, Restricted, Status};
    for (name, expected) in [
        ("isBlocked", Some(Restricted)),
        ("suspended_at", Some(Restricted)),
        ("lockedUntil", Some(Restricted)),
        ("accountLocked", Some(Restricted)),
        ("deletedAt", Some(Restricted)),
        ("suspensionReason", Some(Restricted)),
        ("disabled", Some(Restricted)),
        ("isActive", Some(Allowed)),
        ("user_approved", Some(Allowed)),
        ("account_status", Some(Status)),
        ("bannedAt", Some(Restricted)),
        ("is_locked_out", Some(Restricted)),
        ("mfaEnabled", Some(Restricted)),
        ("otpRequired", Some(Restricted)),
        ("twoFactorStatus", Some(Restricted)),
        ("state", Some(Status)),
        ("isBanned", Some(Restricted)),
        ("banReason", Some(Restricted)),
        ("emailVerified", None),
        ("bankAccount", None),
        ("clock", None),
        ("notificationsEnabled", None),
        ("lastActiveAt", None),
        ("role", None),
        ("is", None),
        ("", None),
    ] {
        assert_eq!(Meaning::of(name), expected, "{name}");
    }
}
