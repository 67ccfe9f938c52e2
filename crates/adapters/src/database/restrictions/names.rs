//! Names of columns that suggest a restriction.

/// The meaning of a column's values, as its name suggests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Users whose value does not mean no are restricted: `suspendedAt`, `isLocked`.
    Restricted,
    /// Users whose value means no are restricted: `isActive`.
    Allowed,
    /// Users whose value is not `active` or the like are restricted.
    Status,
}

/// Words for a restriction, separated by spaces.
const RESTRICTING: &str = "2fa archived ban banned bans blacklist blacklisted block blocked deactivated deactivation deleted denied \
    disable disabled frozen inactive lock locked lockedout lockout mfa otp rejected restricted revoked \
    secondfactor suspended suspension terminated totp twofa twofactor twostep";
const ALLOWING: [&str; 6] = ["active", "activated", "allowed", "approved", "enabled", "whitelisted"];
/// Words that may precede or follow such a word. `reason` comes before `on`, with which it ends.
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

/// Returns the name in lower case, without underscores.
pub(super) fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}
