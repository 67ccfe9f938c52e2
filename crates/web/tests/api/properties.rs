//! Properties that hold for any request, tested with random requests.

use actix_web::http::Uri;
use actix_web::http::header::HeaderValue;
use actix_web::rt::Runtime;
use actix_web::test::TestRequest;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use taskbridge_domain::Owner;
use taskbridge_domain::ports::MockTaskRepo;
use taskbridge_domain::tasks::{NewTask, Task};
use taskbridge_domain::testing::fixtures::{moment, new_task, task};

use crate::support::{Answer, BODY_LIMIT, Ports, alice, alice_sends, anonymous, page};

/// Returns a configuration with which proptest does not save failing inputs in a file. It prints the smallest failing
/// input: add a test with this input.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

fn answer(request: TestRequest) -> Answer {
    Runtime::new().unwrap().block_on(Ports::with_tasks(everybodys_tasks()).answer(request))
}

/// Returns a mocked store in which every user owns a task, and any task id finds it. The store does not keep changes.
fn everybodys_tasks() -> MockTaskRepo {
    let some = |owner: &Owner| task(owner.id().as_str(), 7);
    let mut repo = MockTaskRepo::new();
    repo.expect_list().returning(move |owner, _| Ok(page(vec![some(owner)])));
    repo.expect_find().returning(move |owner, _| Ok(Some(some(owner))));
    repo.expect_create()
        .returning(move |owner, new, _| Ok(Task::new(some(owner).id, owner.id().clone(), new, moment())));
    repo.expect_update().returning(move |owner, _, patch, _| {
        let mut task = some(owner);
        patch.apply(&mut task);
        Ok(Some(task))
    });
    repo.expect_toggle().returning(move |owner, _, _| {
        let task = some(owner);
        Ok(Some(Task { completed: !task.completed, ..task }))
    });
    repo.expect_delete().returning(|_, _| Ok(true));
    repo
}

/// Generates JSON values of any type, nested up to four levels deep.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(?s).{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::from), object(inner)])
}

fn object(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let name =
        prop_oneof!["(?s).{0,4}", select(vec!["title", "description", "completed", "id", "user_id"]).prop_map_into()];
    prop::collection::hash_map(name, values, 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

/// Generates texts that are short or have about `limit` characters. Some contain white space, control characters or
/// NULs.
fn texts(limit: usize) -> impl Strategy<Value = Value> {
    let character = prop_oneof![8 => any::<char>(), 2 => select(vec![' ', '\n', '\u{3000}', '\u{1}', '\u{7f}'])];
    let of = move |chars| vec(character.clone(), chars).prop_map(|text| Value::from(String::from_iter(text)));
    prop_oneof![3 => of(0..8), 2 => of(limit - 3..limit + 4), 1 => "[ \n\t\u{1}\u{a0}]{0,3}\0?[ \n\t]{0,3}".prop_map(Value::from)]
}

prop_compose! {
    /// Generates JSON objects for the body of a request. Most of them resemble a task.
    fn fields()(
        title in option::weighted(0.9, prop_oneof![6 => texts(200), 1 => json()]),
        description in option::of(prop_oneof![6 => texts(1000), 1 => Just(Value::Null), 1 => json()]),
        completed in option::of(prop_oneof![6 => any::<bool>().prop_map(Value::from), 1 => json()]),
        other in prop::collection::hash_map("[a-z_]{1,3}", json(), 0..3),
    ) -> Map<String, Value> {
        let named = [("title", title), ("description", description), ("completed", completed)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        other.into_iter().chain(named).collect()
    }
}

/// Returns the errors that the API must report for a body with these `fields`: field and error type, in the order
/// title, description, `completed`.
fn faults(fields: &Map<String, Value>, title_required: bool) -> Vec<(&'static str, &'static str)> {
    let title = match fields.get("title") {
        None => title_required.then_some("missing"),
        Some(Value::String(text)) if text.chars().all(|c| c.is_whitespace() || c.is_control()) => {
            Some("string_too_short")
        }
        Some(Value::String(text)) if text.contains('\0') => Some("string_nul"),
        Some(Value::String(text)) => (text.trim().chars().count() > 200).then_some("string_too_long"),
        Some(_) => Some("string_type"),
    };
    let description = match fields.get("description") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.contains('\0') => Some("string_nul"),
        Some(Value::String(text)) => (text.chars().count() > 1000).then_some("string_too_long"),
        Some(_) => Some("string_type"),
    };
    let completed = fields.get("completed").is_some_and(|value| !value.is_boolean()).then_some("bool_type");
    let all = [("title", title), ("description", description), ("completed", completed)];
    all.into_iter().filter_map(|(field, fault)| Some((field, fault?))).collect()
}

/// Returns the field and the type of each error in a 422 response, and checks the format of the response.
fn told(refusal: &Answer) -> Vec<(String, String)> {
    assert_eq!(refusal.verdict(), (422, "VALIDATION_ERROR".into()));
    let json = refusal.json();
    assert!(json["message"].is_string());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let fault = |fault: &Value| {
        assert_eq!(fault.as_object().unwrap().len(), 3);
        assert!(!text(&fault["msg"]).is_empty());
        assert_eq!(fault["loc"][0], "body");
        (text(fault["loc"].as_array().unwrap().last().unwrap()), text(&fault["type"]))
    };
    json["detail"].as_array().unwrap().iter().map(fault).collect()
}

/// Returns `true` if the request must be rejected because `body` is too large or has `faults`. In this case, also
/// checks that the response is a 413 or reports exactly these faults.
fn refused(answer: &Answer, body: &str, faults: &[(&str, &str)]) -> Result<bool, TestCaseError> {
    if body.len() > BODY_LIMIT {
        prop_assert_eq!(answer.status.as_u16(), 413);
        return Ok(true);
    }
    if !faults.is_empty() {
        let told = told(answer);
        prop_assert_eq!(told.iter().map(|(field, kind)| (&**field, &**kind)).collect::<Vec<_>>(), faults);
    }
    Ok(!faults.is_empty())
}

/// Checks that the response has the status `good` and contains a task of alice, or is an error in the right format.
fn is_an_answer(answer: &Answer, good: u16) -> Result<(), TestCaseError> {
    match answer.status.as_u16() {
        422 => prop_assert!(!told(answer).is_empty()),
        status if status == good => prop_assert_eq!(&answer.json()["user_id"], "alice"),
        status => {
            prop_assert!([413, 415].contains(&status), "{}", status);
            prop_assert_eq!(&answer.json()["detail"], &answer.json()["message"]);
        }
    }
    Ok(())
}

/// Generates spellings of `text` for a path. Bytes that need no percent-encoding are percent-encoded at random.
fn spellings(text: String) -> impl Strategy<Value = String> {
    let count = text.len();
    vec(0..3_u8, count).prop_map(move |styles| {
        let spell = |(byte, style): (u8, u8)| match style {
            0 if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) => char::from(byte).to_string(),
            1 => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        };
        text.bytes().zip(styles).map(spell).collect()
    })
}

/// Generates three texts: the id of the caller, a user id for the path, which is the same, similar or different, and a
/// percent-encoded spelling of the id for the path.
fn caller_and_named() -> impl Strategy<Value = (String, String, String)> {
    "[!-~][ -~]{0,10}".prop_flat_map(|caller| {
        let named = prop_oneof![
            4 => Just(caller.clone()),
            1 => Just(caller.to_uppercase()),
            1 => Just(format!("{caller} ")),
            1 => Just(format!("{caller}\0")),
            1 => Just(format!("{caller}/../alice")),
            1 => Just(caller.replace('%', "%25")),
            1 => Just(format!("{caller}\u{fffd}")),
            2 => ".{1,8}",
        ];
        (Just(caller), named).prop_flat_map(|(caller, named)| (Just(caller), Just(named.clone()), spellings(named)))
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_new_task_has_the_fields_of_the_body_or_every_error_is_reported(fields in fields()) {
        let body = Value::from(fields.clone()).to_string();
        let answer = answer(alice_sends("POST", "/api/alice/tasks", body.as_str()));
        if refused(&answer, &body, &faults(&fields, true))? { return Ok(()); }
        prop_assert_eq!(answer.status.as_u16(), 201);
        let (task, null, no) = (answer.json(), Value::Null, Value::from(false));
        prop_assert_eq!(task["title"].as_str(), fields["title"].as_str().map(str::trim));
        prop_assert_eq!(&task["description"], fields.get("description").unwrap_or(&null));
        prop_assert_eq!(&task["completed"], fields.get("completed").unwrap_or(&no));
        prop_assert_eq!((&task["id"], &task["user_id"]), (&json!(7), &json!("alice")));
    }

    /// Fields that are absent from the body keep the values that the task has in the store.
    #[test]
    fn an_updated_task_has_the_fields_of_the_body_or_every_error_is_reported(fields in fields(), method in select(vec!["PUT", "PATCH"])) {
        let body = Value::from(fields.clone()).to_string();
        let answer = answer(alice_sends(method, "/api/alice/tasks/7", body.as_str()));
        if refused(&answer, &body, &faults(&fields, false))? { return Ok(()); }
        prop_assert_eq!(answer.status.as_u16(), 200);
        let NewTask { title, description, completed, .. } = new_task();
        let description = description.unwrap();
        let before = json!({ "title": title.as_str(), "description": description.as_str(), "completed": completed });
        let after = answer.json();
        prop_assert_eq!(after["title"].as_str(), fields.get("title").unwrap_or(&before["title"]).as_str().map(str::trim));
        for field in ["description", "completed"] {
            prop_assert_eq!(&after[field], fields.get(field).unwrap_or(&before[field]));
        }
    }

    #[test]
    fn any_json_is_answered(json in json(), to in select(vec!["", "/7", "/7/complete"])) {
        let (method, good) = if to.is_empty() { ("POST", 201) } else { ("PATCH", 200) };
        let answer = answer(alice_sends(method, &format!("/api/alice/tasks{to}"), json.to_string()));
        is_an_answer(&answer, good)?;
        let is_no_body = to == "/7/complete" && (json.is_null() || json == "");
        prop_assert!(json.is_object() || is_no_body || answer.status.is_client_error());
    }

    #[test]
    fn any_bytes_of_any_media_type_are_answered(
        body in prop_oneof![
            any::<Vec<u8>>(),
            vec(any::<u8>(), BODY_LIMIT - 1..BODY_LIMIT + 2),
            "\\{\"title\":\"[\\\\u0dD8-]{0,8}\"[,}]{0,2}".prop_map_into(),
            fields().prop_map(|fields| Value::from(fields).to_string().into_bytes()),
        ],
        media_type in prop_oneof![
            4 => Just(b"application/json".to_vec()),
            2 => "application/json *; *charset=\"?(utf-?8|UTF-8|latin1|x)?\"?;?".prop_map_into(),
            1 => "(text|application)/(x-)?(plain|json|xml|www-form-urlencoded|ld[+]json)".prop_map_into(),
            1 => any::<Vec<u8>>(),
        ],
        to in select(vec!["", "/7", "/7/complete"]),
    ) {
        let Ok(media_type) = HeaderValue::from_bytes(&media_type) else { return Ok(()) };
        let (method, good) = if to.is_empty() { ("POST", 201) } else { ("PATCH", 200) };
        let request = alice(method, &format!("/api/alice/tasks{to}")).insert_header(("content-type", media_type));
        let answer = answer(request.set_payload(body.clone()));
        is_an_answer(&answer, good)?;
        prop_assert_eq!(answer.status == 413, body.len() > BODY_LIMIT);
    }

    /// The user id in the path is percent-decoded and then compared with the id of the caller byte by byte.
    #[test]
    fn a_path_is_accepted_only_with_the_id_of_the_caller(
        (caller, named, spelt) in caller_and_named(),
        (method, to) in select(vec![("GET", ""), ("GET", "/7"), ("PATCH", "/7/complete")]),
    ) {
        let request = anonymous(method, &format!("/api/{spelt}/tasks{to}"));
        let answer = answer(request.insert_header(("authorization", format!("Bearer {caller}-token"))));
        prop_assert_eq!(answer.status.as_u16(), if named == caller { 200 } else { 403 });
        prop_assert_eq!(answer.body.contains("user_id"), named == caller);
    }

    /// Alice never receives another user's task, even if the path has dot segments, double slashes or a query.
    #[test]
    fn no_path_leads_to_another_user(
        path in prop_oneof![
            "/[!-~]{0,20}",
            "/(api|%61pi|API)/(alice|bob|[.]{1,2}|%2e%2e|)/(tasks|[.]{2}|)(/(7|[.]{2}|bob|tasks|complete|;|%2f|)){0,4}([?][!-~]{0,8})?",
        ],
        method in select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]),
    ) {
        if path.parse::<Uri>().is_err() { return Ok(()); }
        let answer = answer(alice_sends(method, &path, r#"{"title":"x"}"#));
        prop_assert!(!answer.status.is_server_error());
        for start in ["/api/bob/", "/api/%62ob/"] {
            prop_assert!(!path.starts_with(start) || answer.status.is_client_error());
        }
        if answer.body.contains("user_id") {
            prop_assert!(answer.body.contains(r#""user_id":"alice""#));
        }
    }

    #[test]
    fn any_query_of_a_list_is_answered(query in prop_oneof!["[!-~&&[^#]]{0,20}", "((limit|offset|q|sort|[a-z]{1,9})=[%0-9a-f+-]{0,6}&?){0,4}"]) {
        let path = format!("/api/alice/tasks?{query}");
        if path.parse::<Uri>().is_err() { return Ok(()); }
        let answer = answer(alice("GET", &path));
        match answer.status.as_u16() {
            200 => prop_assert!(answer.json().is_array()),
            status => {
                prop_assert_eq!(status, 422);
                prop_assert_eq!(&answer.json()["detail"][0]["loc"][0], "query");
            }
        }
    }

    /// A request must have exactly one header `Authorization`: `Bearer` in upper or lower case, at least one space, and
    /// the token.
    #[test]
    fn only_one_valid_bearer_token_is_accepted(
        headers in vec(
            prop_oneof![
                4 => "(Bearer|bearer|BEARER|bEaReR|Basic|Bearers|)( |  |\t|=|)(alice-token|Alice-token|alice-tokens|)( |\t|,|)",
                1 => "[!-~]{0,10} ?alice-token",
            ]
            .prop_map(String::into_bytes)
            .boxed()
            .prop_union(vec(any::<u8>(), 0..20).boxed()),
            0..3,
        ),
    ) {
        if !headers.iter().all(|header| HeaderValue::from_bytes(header).is_ok()) { return Ok(()); }
        let bearers = headers.iter().map(|header| {
            let scheme_is_bearer = header.len() > 7 && header[..7].eq_ignore_ascii_case(b"bearer ");
            scheme_is_bearer.then(|| String::from_utf8_lossy(&header[7..]).trim_start_matches(' ').to_owned())
        });
        let tokens: Vec<_> = bearers.collect();
        let expected = match &tokens[..] {
            [Some(token)] if token == "alice-token" => 200,
            [Some(token)] if token.ends_with("-token") => 403,
            _ => 401,
        };
        let mut request = anonymous("GET", "/api/alice/tasks/7");
        for header in headers {
            request = request.append_header(("authorization", HeaderValue::from_bytes(&header).unwrap()));
        }
        prop_assert_eq!(answer(request).status.as_u16(), expected);
    }
}
