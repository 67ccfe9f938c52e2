//! Restrictions of a user's access.

use crate::text::{InvalidText, bounded, bounded_text};
use crate::time::Timestamp;

/// Restrictions of a user's access, as plugins of Better Auth store them in the `user` table.
///
/// The server enforces them and never changes them. An operator can change a ban.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// The ban of the user (`admin` plugin); `None` if the user is not banned.
    pub ban: Option<Ban>,
    /// Whether the user signs in with a second factor (`twoFactor` plugin).
    pub second_factor: bool,
}

/// The ban of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// End of the ban; `None` if it is permanent.
    pub until: Option<Timestamp>,
}

bounded_text! {
    /// The reason for a ban.
    BanReason, 500
}

impl BanReason {
    /// Parses a reason. It must have at most `MAX_CHARS` characters and no NUL character.
    ///
    /// # Errors
    /// Returns an [`InvalidText`] that says which rule the text breaks.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
        bounded(text.into(), Self::MAX_CHARS).map(Self)
    }
}

impl Restrictions {
    /// Returns `true` if the user is banned at `now`. A ban includes the moment at which it ends, as in Better Auth.
    #[must_use]
    pub fn is_banned(&self, now: Timestamp) -> bool {
        self.ban.is_some_and(|Ban { until }| until.is_none_or(|end| end >= now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::fixtures::moment;

    #[test]
    fn a_ban_includes_its_end_or_is_permanent() {
        let banned = |until| Restrictions { ban: Some(Ban { until }), second_factor: false };
        let later = moment().after(Duration::from_millis(1));
        assert!(banned(None).is_banned(moment()));
        assert!(banned(Some(moment())).is_banned(moment()));
        assert!(!banned(Some(moment())).is_banned(later));
        assert!(!Restrictions::default().is_banned(moment()));
    }
}
