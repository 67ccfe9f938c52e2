//! The syntax of e-mail addresses is Better Auth's, case by case.

use serde_json::Value;
use taskbridge_domain::users::Email;

const VECTORS: &str = include_str!("../../../tests/vectors/emails.json");

#[test]
fn addresses_are_accepted_and_refused_as_better_auth_does() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 41);
    for case in cases {
        let text = case["email"].as_str().unwrap();
        // The one rule that Better Auth does not have: 254 characters.
        let expected = case["valid"] == true && text.len() <= Email::MAX_BYTES;
        assert_eq!(Email::parse(text).is_ok(), expected, "{text:?}");
    }
}
