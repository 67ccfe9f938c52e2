//! Taskbridge accepts the same syntax of email addresses as Better Auth.

use serde_json::Value;
use taskbridge_domain::users::Email;

const VECTORS: &str = include_str!("../../../tests/vectors/emails.json");

#[test]
fn addresses_are_accepted_and_rejected_as_by_better_auth() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 41);
    for case in cases {
        let text = case["email"].as_str().unwrap();
        // Unlike Taskbridge, Better Auth does not limit the length of an email address.
        let expected = case["valid"] == true && text.len() <= Email::MAX_BYTES;
        assert_eq!(Email::parse(text).is_ok(), expected, "{text:?}");
    }
}
