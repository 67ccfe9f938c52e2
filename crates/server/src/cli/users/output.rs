//! Users as text and as JSON.

use std::fmt;

use serde_json::{Value, json as object};
use taskbridge_domain::Timestamp;
use taskbridge_domain::services::UserDetails;
use taskbridge_domain::users::{Ban, BanReason, User, UserImage};

use crate::cli::output::one_line;

/// A note about a user whose email address another program has stored with capital letters.
pub(super) const CAPITAL_LETTERS: &str = "capital letters in the email address, with which the user cannot sign in";

/// A user in one line or, with details, in several. Names are escaped, because users choose them.
pub(super) struct Report<'a> {
    pub(super) user: &'a User,
    pub(super) now: Timestamp,
    pub(super) details: Option<&'a UserDetails>,
}

impl Report<'_> {
    /// Returns what is special about the user.
    fn marks(&self) -> Vec<String> {
        let User { email, email_verified, restrictions, .. } = self.user;
        let ban = match restrictions.ban {
            Some(Ban { until: None }) => Some("banned".to_owned()),
            Some(Ban { until: Some(until) }) if restrictions.is_banned(self.now) => {
                Some(format!("banned until {until}"))
            }
            Some(Ban { until: Some(until) }) => Some(format!("was banned until {until}")),
            None => None,
        };
        let reason = self.details.and_then(|details| details.ban_reason.as_ref());
        let ban = match (ban, reason) {
            (Some(ban), Some(reason)) => Some(format!("{ban} ({})", one_line(reason.as_str()))),
            (ban, _) => ban,
        };
        let capitals = email.has_capital_letters().then(|| CAPITAL_LETTERS.to_owned());
        let unverified = (!email_verified).then(|| "email address not verified".to_owned());
        let second_factor = restrictions.second_factor.then(|| "second factor".to_owned());
        [capitals, unverified, ban, second_factor].into_iter().flatten().collect()
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let User { id, name, email, created_at, updated_at, .. } = self.user;
        let [id, name, email] = [id.as_str(), name.as_str(), email.as_str()].map(one_line);
        let marks = self.marks();
        let Some(UserDetails { accounts, totals, .. }) = self.details else {
            write!(f, "{id}  {email}  {name}  created {created_at}")?;
            return marks.iter().try_for_each(|mark| write!(f, "  {mark}"));
        };
        writeln!(f, "id:        {id}")?;
        writeln!(f, "email:     {email}")?;
        writeln!(f, "name:      {name}")?;
        writeln!(f, "created:   {created_at}")?;
        writeln!(f, "changed:   {updated_at}")?;
        let methods: Vec<_> = accounts.iter().map(|account| method(&account.provider_id)).collect();
        writeln!(f, "sign-in:   {}", if methods.is_empty() { "none".to_owned() } else { methods.join(", ") })?;
        writeln!(f, "sessions:  {}", totals.sessions)?;
        writeln!(f, "tasks:     {}", totals.tasks)?;
        write!(f, "notes:     {}", if marks.is_empty() { "none".to_owned() } else { marks.join(", ") })
    }
}

fn method(provider: &str) -> String {
    if provider == "credential" { "password".to_owned() } else { one_line(provider) }
}

/// Returns a user as JSON, with the names of Better Auth's fields.
pub(super) fn json(user: &User, details: Option<&UserDetails>) -> Value {
    let User { id, name, email, email_verified, image, created_at, updated_at, restrictions } = user;
    let until = restrictions.ban.and_then(|ban| ban.until);
    let mut value = object!({
        "id": id.as_str(),
        "email": email.as_str(),
        "emailVerified": email_verified,
        "name": name.as_str(),
        "image": image.as_ref().map(UserImage::as_str),
        "createdAt": created_at.to_string(),
        "updatedAt": updated_at.to_string(),
        "banned": restrictions.ban.is_some(),
        "banExpires": until.map(|until| until.to_string()),
        "secondFactor": restrictions.second_factor,
    });
    if let Some(UserDetails { accounts, totals, ban_reason }) = details {
        value["accounts"] = accounts.iter().map(|account| object!({ "providerId": account.provider_id })).collect();
        value["sessions"] = totals.sessions.into();
        value["tasks"] = totals.tasks.into();
        value["banReason"] = ban_reason.as_ref().map(BanReason::as_str).into();
    }
    value
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use taskbridge_domain::testing::fixtures::{moment, user};
    use taskbridge_domain::users::{Restrictions, UserName};

    use super::*;

    fn line(user: &User) -> String {
        Report { user, now: moment(), details: None }.to_string()
    }

    #[test]
    fn a_line_says_what_is_special_about_a_user() {
        let ann = User { name: UserName::parse("a\u{1b}[2J\nb").unwrap(), ..user("ann") };
        let plain = "ann  ann@example.test  a\\u{1b}[2J\\nb  created 2026-11-21T01:45:03.000Z";
        assert_eq!(line(&ann), plain);
        let later = moment().after(Duration::from_secs(1));
        for (until, mark) in [
            (None, "banned".to_owned()),
            (Some(later), format!("banned until {later}")),
            (Some(moment().before(Duration::from_secs(1))), "was banned until 2026-11-21T01:45:02.000Z".to_owned()),
        ] {
            let restrictions = Restrictions { ban: Some(Ban { until }), second_factor: true };
            let banned = User { email_verified: false, restrictions, ..ann.clone() };
            assert_eq!(line(&banned), format!("{plain}  email address not verified  {mark}  second factor"));
        }
    }
}
