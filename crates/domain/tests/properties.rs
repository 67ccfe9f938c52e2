//! Properties that hold for all inputs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use futures_util::FutureExt;
use proptest::collection::{SizeRange, vec};
use proptest::prelude::*;
use proptest::sample::select;
use taskbridge_domain::ports::{AuthError, AuthPort, Claims, RejectionKind};
use taskbridge_domain::tasks::{Description, FieldUpdate, NewTask, Task, TaskId, TaskPatch, Title};
use taskbridge_domain::testing::fixtures::new_task;
use taskbridge_domain::text::InvalidText;
use taskbridge_domain::users::{Email, HashAlgorithm, InvalidPassword, NewPassword, Password, UserName};
use taskbridge_domain::{AccessError, Authenticator, Timestamp, UserId};
use unicode_normalization::UnicodeNormalization;

/// If a property does not hold, proptest prints the smallest input that violates it. Write a test for this input
/// instead of storing a file of seeds.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// Generates texts with `chars` characters, including spaces, control characters and multi-byte characters.
fn text(chars: impl Into<SizeRange>) -> impl Strategy<Value = String> {
    let character = prop_oneof![
        6 => any::<char>(),
        4 => prop::char::range(' ', '~'),
        2 => select(vec![' ', '\t', '\n', '\u{85}', '\u{a0}', '\u{200b}', '\u{3000}', '\u{fb01}', '\u{301}']),
        1 => prop::char::range('\u{1}', '\u{1f}'),
    ];
    vec(character, chars).prop_map(String::from_iter)
}

/// Generates short texts, texts about as long as `limit`, and texts with a NUL.
fn around(limit: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => text(0..10),
        4 => text(limit - 3..limit + 4),
        1 => (text(0..10), text(0..10)).prop_map(|(before, after)| before + "\0" + &after),
    ]
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn title() -> impl Strategy<Value = Title> {
    text(1..20).prop_filter_map("no title", |text| Title::parse(&text).ok())
}

fn description() -> impl Strategy<Value = Description> {
    text(0..20).prop_filter_map("no description", |text| Description::parse(&text).ok())
}

fn user_id() -> impl Strategy<Value = UserId> {
    text(1..20).prop_filter_map("no id", UserId::parse)
}

prop_compose! {
    fn moment()(seconds in -62_135_596_800_i64..253_402_300_800, nanos in 0..1_000_000_000_u32) -> DateTime<chrono::Utc> {
        DateTime::from_timestamp(seconds, nanos).unwrap()
    }
}

prop_compose! {
    fn task()(
        id: i64,
        owner in user_id(),
        title in title(),
        description in proptest::option::of(description()),
        completed: bool,
        (created_at, updated_at) in (moment(), moment()),
    ) -> Task {
        let (created_at, updated_at) = (Timestamp::new(created_at), Timestamp::new(updated_at));
        let new = NewTask { title, description, completed, ..new_task() };
        Task { updated_at, ..Task::new(TaskId::new(id), owner, new, created_at) }
    }
}

prop_compose! {
    fn patch()(
        title in proptest::option::of(title()),
        description in prop_oneof![Just(FieldUpdate::Keep), Just(FieldUpdate::Clear), description().prop_map(FieldUpdate::Set)],
        completed: Option<bool>,
    ) -> TaskPatch {
        TaskPatch { title, description, completed, ..TaskPatch::default() }
    }
}

/// Generates email addresses, and texts that are almost email addresses.
fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Za-z0-9_.+'-]{1,4}@example[.]com",
        4 => "ann@[A-Za-z0-9.-]{1,6}[.]com",
        2 => "ann@example[.A-Za-z0-9-]{1,4}",
        2 => "[A-Z]{1,3}@[A-Z]{1,3}[.][A-Z]{2}",
        1 => "[a-z]{238,244}@example[.]com",
        1 => "[a-zK@. ']{1,6}@[a-zK@. ']{1,6}[.]com",
        1 => text(0..20),
    ]
}

/// Generates texts whose length in bytes changes when they are normalized to NFKC.
fn composed() -> impl Strategy<Value = String> {
    vec(select(vec!['a', '\u{e9}', '\u{301}', '\u{fb01}', '\u{bd}', '\u{2163}', '\u{ff21}']), 12..50)
        .prop_map(String::from_iter)
}

/// Returns `true` if `text` matches Better Auth's pattern:
/// `^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$`
fn is_address(text: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_alphanumeric();
    let Some(at) = text.bytes().position(|byte| byte == b'@') else { return false };
    let (local, domain) = (&text.as_bytes()[..at], &text.as_bytes()[at + 1..]);
    let Some((last, rest)) = local.split_last() else { return false };
    let labels: Vec<_> = domain.split(|byte| *byte == b'.').collect();
    let Some((top, labels)) = labels.split_last() else { return false };
    !text.starts_with('.')
        && !text.contains("..")
        && rest.iter().all(|byte| alphanumeric(byte) || b"_'+-.".contains(byte))
        && (alphanumeric(last) || b"_+-".contains(last))
        && !labels.is_empty()
        && labels.iter().all(|label| label.first().is_some_and(alphanumeric))
        && labels.iter().all(|label| label.iter().all(|byte| alphanumeric(byte) || *byte == b'-'))
        && top.len() >= 2
        && top.iter().all(u8::is_ascii_alphabetic)
}

/// Accepts every token, and uses its text as the id of the caller.
struct AcceptAll;

#[async_trait]
impl AuthPort for AcceptAll {
    async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        UserId::parse(token)
            .map(|subject| Claims { subject })
            .ok_or_else(|| AuthError::Rejected(RejectionKind::MissingClaim, "no id".into()))
    }
}

/// Generates pairs of texts that are equal, almost equal or different.
fn two_texts() -> impl Strategy<Value = (String, String)> {
    user_id().prop_flat_map(|one| {
        let one = one.to_string();
        let other = prop_oneof![
            Just(one.clone()),
            Just(one.to_uppercase()),
            Just(one.nfkc().collect()),
            Just(one.nfd().collect()),
            Just(format!("{one} ")),
            Just(format!("{one}\u{200b}")),
            Just(one.trim().to_owned()),
            Just(one.chars().skip(1).collect()),
            text(1..20),
        ];
        (Just(one), other)
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_title_is_the_trimmed_text_within_its_bounds(text in around(Title::MAX_CHARS)) {
        match Title::parse(&text) {
            Ok(title) => {
                prop_assert_eq!(title.as_str(), text.trim());
                prop_assert!((1..=Title::MAX_CHARS).contains(&chars(title.as_str())));
                prop_assert!(!text.contains('\0'));
                prop_assert!(text.chars().any(|c| !c.is_whitespace() && !c.is_control()));
                prop_assert_eq!(Title::parse(title.as_str()), Ok(title));
            }
            Err(InvalidText::Empty) => prop_assert!(text.chars().all(|c| c.is_whitespace() || c.is_control())),
            Err(InvalidText::TooLong { max_chars }) => {
                prop_assert!(max_chars == Title::MAX_CHARS && chars(text.trim()) > max_chars);
            }
            Err(InvalidText::Nul) => prop_assert!(text.contains('\0')),
        }
    }

    #[test]
    fn a_description_is_the_text_itself_within_its_bounds(text in around(Description::MAX_CHARS)) {
        match Description::parse(&text) {
            Ok(description) => {
                prop_assert_eq!(description.as_str(), &text);
                prop_assert!(chars(&text) <= Description::MAX_CHARS && !text.contains('\0'));
            }
            Err(InvalidText::TooLong { max_chars }) => {
                prop_assert!(max_chars == Description::MAX_CHARS && chars(&text) > max_chars);
            }
            Err(InvalidText::Nul) => prop_assert!(text.contains('\0')),
            Err(InvalidText::Empty) => prop_assert!(false, "an empty text is valid"),
        }
    }

    #[test]
    fn a_user_name_is_the_text_itself_within_its_bounds(text in around(UserName::MAX_CHARS)) {
        match UserName::parse(text.as_str()) {
            Ok(name) => {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert!(chars(&text) <= UserName::MAX_CHARS && !text.contains('\0'));
            }
            Err(InvalidText::TooLong { max_chars }) => {
                prop_assert!(max_chars == UserName::MAX_CHARS && chars(&text) > max_chars);
            }
            Err(InvalidText::Nul) => prop_assert!(text.contains('\0')),
            Err(InvalidText::Empty) => prop_assert!(false, "an empty text is valid"),
        }
    }

    #[test]
    fn every_number_is_an_id_that_parses_from_its_display_form(number: i64) {
        let id = TaskId::new(number);
        prop_assert_eq!((id.number(), TaskId::parse(&id.to_string())), (number, Some(id)));
    }

    #[test]
    fn an_id_has_one_decimal_form(text in prop_oneof!["[ +-]?0{0,2}[0-9]{0,20}[ .e]?0?", "-?[1-9][0-9]{17,18}", text(0..5)]) {
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let canonical = text == "0" || digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let number = text.parse::<i128>().ok().and_then(|number| i64::try_from(number).ok());
        prop_assert_eq!(TaskId::parse(&text).map(TaskId::number), number.filter(|_| canonical));
    }

    #[test]
    fn a_patch_changes_only_the_given_fields(before in task(), patch in patch()) {
        let mut after = before.clone();
        patch.clone().apply(&mut after);
        let description = match patch.description.clone() {
            FieldUpdate::Keep => before.description.clone(),
            FieldUpdate::Clear => None,
            FieldUpdate::Set(description) => Some(description),
        };
        let expected = Task {
            title: patch.title.clone().unwrap_or_else(|| before.title.clone()),
            description,
            completed: patch.completed.unwrap_or(before.completed),
            ..before.clone()
        };
        prop_assert_eq!(&after, &expected);
        prop_assert!(patch != TaskPatch::default() || after == before);

        let mut twice = after.clone();
        patch.apply(&mut twice);
        prop_assert_eq!(twice, after);
    }

    #[test]
    fn a_user_id_is_any_text_that_is_not_empty_and_has_no_nul(text in around(40)) {
        let id = UserId::parse(text.as_str());
        prop_assert_eq!(id.is_some(), !text.is_empty() && !text.contains('\0'));
        prop_assert!(id.is_none_or(|id| id.as_str() == text && id.to_string() == text));
    }

    /// The ids are compared byte for byte: ids that only look the same belong to different users.
    #[test]
    fn a_caller_may_access_only_the_data_of_exactly_their_own_id((caller, requested) in two_texts()) {
        let authenticator = Authenticator::new(Arc::new(AcceptAll));
        let principal = authenticator.authenticate(&caller).now_or_never().unwrap().unwrap();
        prop_assert_eq!(principal.id().as_str(), &caller);
        if let Some(requested) = UserId::parse(requested) {
            let same = requested.as_str().as_bytes() == caller.as_bytes();
            match principal.owner_of(&requested) {
                Ok(owner) => prop_assert!(same && *owner.id() == requested),
                Err(AccessError) => prop_assert!(!same),
            }
        }
    }

    #[test]
    fn an_email_follows_better_auths_rule_and_is_lower_cased(text in address()) {
        let parsed = Email::parse(&text);
        prop_assert_eq!(parsed.is_ok(), is_address(&text) && text.len() <= Email::MAX_BYTES);
        if let Ok(email) = parsed {
            prop_assert_eq!(email.as_str(), text.to_ascii_lowercase());
            for spelling in [email.as_str().to_owned(), text.to_ascii_uppercase(), text.to_lowercase()] {
                prop_assert_eq!(Email::parse(&spelling), Ok(email.clone()));
            }
            prop_assert_eq!(format!("{email:?}"), "Email(…)");
        }
    }

    #[test]
    fn a_password_is_the_nfkc_form_of_128_units_at_most(typed in prop_oneof![text(0..20), around(128), around(64)]) {
        match Password::parse(&typed) {
            Ok(password) => {
                prop_assert!(units(&typed) <= Password::MAX_UNITS);
                prop_assert_eq!(password.expose(), typed.nfkc().collect::<String>());
                let again: String = password.expose().nfkc().collect();
                prop_assert_eq!(password.expose(), again);
                shows_nothing(&password)?;
            }
            Err(invalid) => {
                prop_assert_eq!(invalid, InvalidPassword::TooLong);
                prop_assert!(units(&typed) > Password::MAX_UNITS);
            }
        }
    }

    #[test]
    fn a_new_password_has_8_units_as_typed_and_for_bcrypt_72_bytes_in_nfkc(
        typed in prop_oneof![around(8), "[ -~]{68,76}", composed(), around(128)],
        form in prop_oneof![Just(HashAlgorithm::Bcrypt), Just(HashAlgorithm::Scrypt)],
    ) {
        let normal: String = typed.nfkc().collect();
        let is_bcrypt = form == HashAlgorithm::Bcrypt;
        match NewPassword::parse(&typed, form) {
            Ok(new) => {
                prop_assert_eq!(new.password().expose(), &normal);
                prop_assert!(units(&typed) >= NewPassword::MIN_UNITS);
                prop_assert!(!is_bcrypt || normal.len() <= NewPassword::MAX_BYTES && !normal.contains('\0'));
                shows_nothing(&new)?;
            }
            Err(InvalidPassword::TooShort) => prop_assert!(units(&typed) < NewPassword::MIN_UNITS),
            Err(InvalidPassword::TooLong) => {
                let is_cut = is_bcrypt && normal.len() > NewPassword::MAX_BYTES;
                prop_assert!(is_cut || units(&typed) > Password::MAX_UNITS);
            }
            Err(InvalidPassword::Nul) => prop_assert!(normal.ends_with('\0') || is_bcrypt && normal.contains('\0')),
        }
    }

    #[test]
    fn a_timestamp_is_truncated_to_milliseconds_and_has_one_text_form(moment in moment()) {
        let cut = Timestamp::new(moment);
        let lost = moment - cut.datetime();
        prop_assert!((0..1_000_000).contains(&lost.num_nanoseconds().unwrap()));
        prop_assert_eq!(cut.datetime().timestamp_millis(), moment.timestamp_millis());
        prop_assert_eq!(cut.unix_seconds(), moment.timestamp());

        let text = cut.to_string();
        prop_assert_eq!((text.len(), &text[10..11], &text[19..20], &text[23..]), (24, "T", ".", "Z"));
        prop_assert_eq!(Timestamp::new(text.parse().unwrap()), cut);
    }

    /// SQLite stores times as text and sorts them as text, so the texts must have the order of the times.
    #[test]
    fn timestamps_and_their_texts_have_the_same_order(one in moment(), other in moment()) {
        let (one, other) = (Timestamp::new(one), Timestamp::new(other));
        prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
    }

    #[test]
    fn adding_a_duration_never_gives_an_earlier_timestamp(moment in moment(), seconds: u64, nanos in 0..1_000_000_000_u32) {
        let (start, duration) = (Timestamp::new(moment), Duration::new(seconds, nanos));
        prop_assert!(start.after(duration) >= start);
        let milliseconds = Duration::from_millis(seconds % 1_000_000_000_000);
        let passed = start.after(milliseconds).datetime() - start.datetime();
        prop_assert_eq!(passed.to_std().unwrap(), milliseconds);
    }
}

/// Checks that `Debug` does not show the password.
fn shows_nothing(secret: &impl Debug) -> Result<(), TestCaseError> {
    let shown = format!("{secret:?}");
    prop_assert!(["Password(…)", "NewPassword(Password(…))"].contains(&shown.as_str()), "{}", shown);
    Ok(())
}
