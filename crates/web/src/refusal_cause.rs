//! The causes of refusals: one stable word for each, in the access log, in the metrics and in `docs/troubleshooting.md`.

use actix_web::http::StatusCode;
use taskbridge_domain::ports::RejectionKind;

/// Defines [`RefusalCause`] from a list of causes with their words, grouped by the status of the response.
macro_rules! refusal_causes {
    ($($status:ident { $($(#[$doc:meta])+ $cause:ident = $word:literal,)+ })+) => {
        /// Why a request is answered 401, 403, 409, 413, 429 or 503. It is logged and counted, but never sent to the client.
        ///
        /// `docs/troubleshooting.md` describes what to do about each cause.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalCause {
            $($($(#[$doc])+ $cause,)+)+
        }

        impl RefusalCause {
            /// All causes, by status.
            pub const ALL: &[Self] = &[$($(Self::$cause,)+)+];

            /// Returns the word for this cause. Words must not change, because operators search logs and metrics for them.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $($(Self::$cause => $word,)+)+
                }
            }

            /// Returns the status of the response.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $($(Self::$cause => StatusCode::$status,)+)+
                }
            }
        }
    };
}

refusal_causes! {
    UNAUTHORIZED {
        /// The request has no `Authorization` header.
        NoToken = "no_token",
        /// The `Authorization` header has no token after `Bearer`.
        EmptyToken = "empty_token",
        /// The request has several `Authorization` headers.
        SeveralTokens = "several_tokens",
        /// The scheme of the `Authorization` header is not `Bearer`.
        WrongScheme = "wrong_scheme",
        /// The text after `Bearer` is not a JWT.
        MalformedToken = "malformed_token",
        /// The access token is longer than `jwt.max_bytes`.
        TokenTooLong = "token_too_long",
        /// The access token requires an extension (`crit`).
        UnsupportedExtension = "unsupported_extension",
        /// The token is signed, but is not an access token.
        NotAnAccessToken = "not_an_access_token",
        /// No trusted issuer uses the algorithm of the access token.
        AlgorithmNotEnabled = "algorithm_not_enabled",
        /// No trusted issuer has the key of the access token.
        UnknownKey = "unknown_key",
        /// The signature of the access token does not match the key.
        WrongSignature = "wrong_signature",
        /// The access token lacks a required claim.
        MissingClaim = "missing_claim",
        /// The access token has expired.
        Expired = "expired",
        /// The access token is not valid yet.
        NotYetValid = "not_yet_valid",
        /// The access token is from another issuer.
        WrongIssuer = "wrong_issuer",
        /// The access token is for another audience.
        WrongAudience = "wrong_audience",
        /// The access token is valid, but its user does not exist.
        UnknownUser = "unknown_user",
        /// The request has no session token with a valid signature.
        NoSession = "no_session",
        /// The session has expired, or has been deleted.
        SessionEnded = "session_ended",
        /// The email address or the password of a sign-in is wrong.
        WrongCredentials = "wrong_credentials",
    }
    FORBIDDEN {
        /// The path contains the id of another user.
        OtherUser = "other_user",
        /// The request needs an origin, and has none.
        NoOrigin = "no_origin",
        /// The origin of the request is not trusted.
        OriginNotTrusted = "origin_not_trusted",
        /// A link or form of another site led to the sign-in.
        CrossSiteNavigation = "cross_site_navigation",
        /// A URL to which the client would be redirected is not trusted.
        CallbackNotTrusted = "callback_not_trusted",
        /// The user is banned.
        Banned = "banned",
        /// The user has not verified the email address.
        EmailNotVerified = "email_not_verified",
        /// The user has a second factor.
        SecondFactor = "second_factor",
        /// The session is too old for the operation.
        SessionNotFresh = "session_not_fresh",
    }
    CONFLICT {
        /// The user has the maximum number of tasks.
        TaskLimitReached = "task_limit_reached",
    }
    PAYLOAD_TOO_LARGE {
        /// The body is larger than `server.body_limit`.
        BodyTooLarge = "body_too_large",
    }
    TOO_MANY_REQUESTS {
        /// The client address has sent too many requests to an endpoint below `/api/auth`.
        RateLimited = "rate_limited",
        /// The user has sent more requests for tasks than `tasks.requests_per_minute`.
        TaskRateLimited = "task_rate_limited",
        /// Too many wrong passwords have been sent for one account.
        TooManyWrongPasswords = "too_many_wrong_passwords",
    }
    SERVICE_UNAVAILABLE {
        /// The database cannot be reached, or is overloaded.
        DatabaseUnavailable = "database_unavailable",
        /// The connection to the database failed during a write, which may have been saved.
        WriteOutcomeUnknown = "write_outcome_unknown",
        /// The request waited for too long for other requests of the same user, or for the searches of all users.
        TooManyStatements = "too_many_statements",
        /// Too many passwords wait to be hashed.
        TooManyPasswords = "too_many_passwords",
        /// The keys that could verify the access token cannot be loaded.
        KeysUnavailable = "keys_unavailable",
        /// The response was not ready within `server.request_seconds`.
        TimedOut = "timed_out",
        /// Responses that clients have not read take the maximum amount of memory.
        TooManyUnsentResponses = "too_many_unsent_responses",
        /// The client network has too many connections.
        TooManyConnections = "too_many_connections",
        /// Taskbridge is shutting down.
        ShuttingDown = "shutting_down",
    }
}

impl RefusalCause {
    /// Returns `true` if each response with this status has a cause.
    pub(crate) fn explains(status: StatusCode) -> bool {
        Self::ALL.iter().any(|cause| cause.status() == status)
    }
}

impl From<RejectionKind> for RefusalCause {
    fn from(kind: RejectionKind) -> Self {
        match kind {
            RejectionKind::Malformed => Self::MalformedToken,
            RejectionKind::TooLong => Self::TokenTooLong,
            RejectionKind::UnsupportedExtension => Self::UnsupportedExtension,
            RejectionKind::NotAnAccessToken => Self::NotAnAccessToken,
            RejectionKind::AlgorithmNotEnabled => Self::AlgorithmNotEnabled,
            RejectionKind::UnknownKey => Self::UnknownKey,
            RejectionKind::WrongSignature => Self::WrongSignature,
            RejectionKind::MissingClaim => Self::MissingClaim,
            RejectionKind::Expired => Self::Expired,
            RejectionKind::NotYetValid => Self::NotYetValid,
            RejectionKind::WrongIssuer => Self::WrongIssuer,
            RejectionKind::WrongAudience => Self::WrongAudience,
        }
    }
}

/// The status of an error response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ErrorStatus {
    /// The status of a refusal, which follows from its cause.
    Refused(RefusalCause),
    /// Another status, which needs no cause.
    Other(StatusCode),
}

impl ErrorStatus {
    pub(crate) fn code(self) -> StatusCode {
        match self {
            Self::Refused(cause) => cause.status(),
            Self::Other(status) => status,
        }
    }

    pub(crate) fn cause(self) -> Option<RefusalCause> {
        match self {
            Self::Refused(cause) => Some(cause),
            Self::Other(_) => None,
        }
    }
}

impl From<RefusalCause> for ErrorStatus {
    fn from(cause: RefusalCause) -> Self {
        Self::Refused(cause)
    }
}

impl From<StatusCode> for ErrorStatus {
    fn from(status: StatusCode) -> Self {
        Self::Other(status)
    }
}
