//! The contract of [`TokenIssuer`] and [`AuthPort`] together: the [`AuthPort`] verifies the tokens of the
//! [`TokenIssuer`].

use crate::ports::{AuthError, AuthPort, TokenIssuer};
use crate::testing::fixtures::{user, user_id};
use crate::users::User;

/// An issuer and a verifier with the same configuration.
pub struct Tokens<I, V> {
    /// Signs the tokens.
    pub issuer: I,
    /// Verifies the tokens.
    pub auth: V,
}

/// The tests of a [`TokenIssuer`] with its [`AuthPort`]; see [`contract`](crate::testing::contract). The argument of
/// the macro is a future whose output dereferences to [`Tokens`].
#[macro_export]
macro_rules! tokens_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            tokens,
            $subject,
            [
                an_issued_token_is_accepted_for_its_user,
                a_changed_token_is_rejected,
                text_that_is_not_a_token_is_rejected
            ]
        );
    };
}

/// A token is accepted even if the user id contains quotes, backslashes or emoji.
pub async fn an_issued_token_is_accepted_for_its_user<I: TokenIssuer, V: AuthPort>(tokens: &Tokens<I, V>) {
    for id in ["ann", "ljJS4iTtdrTKYBTXzNu0skdZbvGQyqlR", "42", "Ü漢🙂 \" \\"] {
        let subject = User { id: user_id(id), ..user("ann") };
        let token = tokens.issuer.issue(&subject).await.unwrap();
        assert_eq!(tokens.auth.verify(token.expose()).await.unwrap().subject, subject.id);
    }
}

/// Each character of the token is replaced in turn, including the dots. In the last character of a segment, some bits
/// can be unused; the token must be rejected even if only these differ.
pub async fn a_changed_token_is_rejected<I: TokenIssuer, V: AuthPort>(tokens: &Tokens<I, V>) {
    let token = tokens.issuer.issue(&user("ann")).await.unwrap();
    let token = token.expose();
    for (position, digit) in token.char_indices() {
        let other = if digit == 'x' { "Q" } else { "x" };
        let changed = format!("{}{other}{}", &token[..position], &token[position + 1..]);
        assert!(
            matches!(tokens.auth.verify(&changed).await, Err(AuthError::Rejected(..))),
            "accepted with digit {position} changed"
        );
    }
}

/// Verification of a text that is not a token returns an error and does not panic.
pub async fn text_that_is_not_a_token_is_rejected<I: TokenIssuer, V: AuthPort>(tokens: &Tokens<I, V>) {
    let token = tokens.issuer.issue(&user("ann")).await.unwrap();
    let token = token.expose();
    let (unsigned, signature) = token.rsplit_once('.').unwrap();
    for wrong in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "token".into(),
        "{}.{}.{}".into(),
        unsigned.into(),
        format!("{unsigned}."),
        format!(".{unsigned}.{signature}"),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!("{token}="),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}\0"),
        token.replace('.', ".."),
        token.to_uppercase(),
        "x".repeat(1 << 20),
        ".".repeat(50_000),
    ] {
        assert!(
            matches!(tokens.auth.verify(&wrong).await, Err(AuthError::Rejected(..))),
            "accepted {:?}",
            wrong.chars().take(40).collect::<String>()
        );
    }
}
