//! Better Auth's tables.

/// One of Better Auth's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthTable {
    /// The users.
    User,
    /// The sessions.
    Session,
    /// The accounts of the users, with their passwords.
    Account,
    /// Short-lived values, such as those for password resets. Taskbridge creates this table, but does not use it.
    Verification,
    /// The signing keys of the JWT plugin.
    Jwks,
    /// The counters of requests.
    RateLimit,
}

impl AuthTable {
    /// All tables, in an order in which they can be created: each table comes after those that its foreign keys refer
    /// to.
    pub const ALL: [Self; 6] =
        [Self::User, Self::Session, Self::Account, Self::Verification, Self::Jwks, Self::RateLimit];

    /// Returns the name that Better Auth gives the table by default.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Session => "session",
            Self::Account => "account",
            Self::Verification => "verification",
            Self::Jwks => "jwks",
            Self::RateLimit => "rateLimit",
        }
    }

    /// Returns the name that stands for the table in statements, such as `better_auth.user`. A marker is one
    /// identifier: the dot is part of it.
    #[must_use]
    pub const fn marker(self) -> &'static str {
        match self {
            Self::User => "better_auth.user",
            Self::Session => "better_auth.session",
            Self::Account => "better_auth.account",
            Self::Verification => "better_auth.verification",
            Self::Jwks => "better_auth.jwks",
            Self::RateLimit => "better_auth.rateLimit",
        }
    }

    /// Returns the names that Better Auth gives the columns by default.
    #[must_use]
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::User => &["id", "name", "email", "emailVerified", "image", "createdAt", "updatedAt"],
            Self::Session => {
                &["id", "expiresAt", "token", "createdAt", "updatedAt", "ipAddress", "userAgent", "userId"]
            }
            Self::Account => &[
                "id",
                "accountId",
                "providerId",
                "userId",
                "accessToken",
                "refreshToken",
                "idToken",
                "accessTokenExpiresAt",
                "refreshTokenExpiresAt",
                "scope",
                "password",
                "createdAt",
                "updatedAt",
            ],
            Self::Verification => &["id", "identifier", "value", "expiresAt", "createdAt", "updatedAt"],
            Self::Jwks => &["id", "publicKey", "privateKey", "createdAt", "expiresAt", "alg", "crv"],
            Self::RateLimit => &["id", "key", "count", "lastRequest"],
        }
    }
}
