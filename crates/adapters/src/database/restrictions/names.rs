//! Column names which suggest that a user is restricted, such as `banned`.

use taskbridge_schema::plain;

/// The meaning of a column's values, as the column's name suggests it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A user is restricted unless the value means no, as in `suspendedAt` or `isLocked`.
    Restricted,
    /// A user is restricted if the value means no, as in `isActive`.
    Allowed,
    /// A user is restricted unless the value is `active` or a similar word, as in `status`.
    Status,
}

/// Words, separated by spaces, that suggest a restriction when they occur in the name of a column.
const RESTRICTING: &str = "2fa archived ban banned bans blacklist blacklisted block blocked deactivated deactivation deleted denied \
    disable disabled frozen inactive lock locked lockedout lockout mfa otp rejected restricted revoked \
    secondfactor suspended suspension terminated totp twofa twofactor twostep";
const ALLOWING: [&str; 6] = ["active", "activated", "allowed", "approved", "enabled", "whitelisted"];
/// Words that may come before or after one of the words above. `reason` must be tried before `on`, because `reason`
/// ends with `on`.
const BEFORE: [&str; 9] = ["access", "account", "has", "is", "login", "member", "signin", "soft", "user"];
const AFTER: [&str; 13] =
    ["required", "enabled", "reason", "expires", "status", "until", "date", "flag", "note", "at", "by", "on", "to"];

impl Meaning {
    /// Returns the meaning that the name of a column suggests; `None` if it does not suggest a restriction.
    pub(super) fn of(name: &str) -> Option<Self> {
        let name = plain(name);
        let mut rest = name.as_str();
        loop {
            if RESTRICTING.split(' ').any(|word| word == rest) {
                return Some(Self::Restricted);
            }
            if ALLOWING.contains(&rest) {
                return Some(Self::Allowed);
            }
            if ["status", "state"].contains(&rest) {
                return Some(Self::Status);
            }
            let shorter = BEFORE.iter().find_map(|word| rest.strip_prefix(word));
            rest = shorter.or_else(|| AFTER.iter().find_map(|word| rest.strip_suffix(word)))?;
        }
    }
}
