//! Lists of tasks: filters, order, pages, and the total number of tasks.

use serde_json::{Value, json};
use taskbridge_domain::owned::PageSize;
use taskbridge_domain::ports::MockTaskRepo;
use taskbridge_domain::tasks::{
    Cursor, PageStart, SearchText, SortDirection, SortKey, SortValue, TaskFilter, TaskId, TaskOrder, TaskPage,
    TaskQuery, TitlePrefix,
};
use taskbridge_domain::testing::fixtures::task;
use taskbridge_domain::time::PreciseTimestamp;

use crate::support::{Answer, Ports, alice, page};
use crate::tasks::on_the_wire;

/// Returns the response to alice's request for a list with the query string `query`. The mocked store checks that it is
/// asked for `expected`, and returns alice's task 7 and the cursor `next`.
async fn asked(query: &str, expected: TaskQuery, next: Option<Cursor>) -> Answer {
    let mut repo = MockTaskRepo::new();
    let shown = query.to_owned();
    let page = TaskPage { items: vec![task("alice", 7)], next };
    repo.expect_list()
        .withf(move |owner, asked| {
            assert_eq!(*asked, expected, "{shown}");
            owner.id().as_str() == "alice"
        })
        .returning(move |_, _| Ok(page.clone()));
    repo.expect_count().returning(|_, _| Ok(42));
    Ports::with_tasks(repo).answer(alice("GET", &format!("/api/alice/tasks{query}"))).await
}

fn filtered(completed: Option<bool>, search: Option<&str>) -> TaskQuery {
    let search = search.map(|text| SearchText::parse(text).unwrap());
    TaskQuery { filter: TaskFilter { completed, search, ..TaskFilter::default() }, ..TaskQuery::default() }
}

fn sorted(key: SortKey, direction: SortDirection) -> TaskQuery {
    TaskQuery { start: PageStart::Offset(TaskOrder { key, direction }, 0), ..TaskQuery::default() }
}

fn limited(limit: u16) -> TaskQuery {
    TaskQuery { limit: PageSize::new(limit).unwrap(), ..TaskQuery::default() }
}

fn cursor() -> Cursor {
    let time = PreciseTimestamp::from_unix_micros(1_795_225_503_123_456).unwrap();
    Cursor { value: SortValue::CreatedAt(time), id: TaskId::new(7), direction: SortDirection::Descending }
}

/// Booleans can be spelled in several ways, empty and unknown parameters are ignored, and the last of a repeated
/// parameter counts.
#[actix_web::test]
async fn parameters_determine_the_list() {
    let everything = TaskQuery::default;
    for (query, expected) in [
        ("", everything()),
        ("?", everything()),
        ("?completed=true", filtered(Some(true), None)),
        ("?completed=false", filtered(Some(false), None)),
        ("?completed=True&x=y", filtered(Some(true), None)),
        ("?completed=0", filtered(Some(false), None)),
        ("?completed=&status=&q=&sort=&order=&limit=&offset=&cursor=&count=", everything()),
        ("?status=all", everything()),
        ("?status=pending", filtered(Some(false), None)),
        ("?status=completed", filtered(Some(true), None)),
        ("?status=all&completed=true", filtered(Some(true), None)),
        ("?status=pending&completed=false", filtered(Some(false), None)),
        ("?q=milk", filtered(None, Some("milk"))),
        ("?q=two+words%20here", filtered(None, Some("two words here"))),
        ("?q=100%25_%5C", filtered(None, Some("100%_\\"))),
        ("?q=%27%20OR%201%3D1%20--", filtered(None, Some("' OR 1=1 --"))),
        ("?q=%C3%84%F0%9F%99%82", filtered(None, Some("Ä🙂"))),
        ("?q=%ff", filtered(None, Some("\u{fffd}"))),
        ("?sort=created_at", everything()),
        ("?sort=updated_at", sorted(SortKey::UpdatedAt, SortDirection::Descending)),
        ("?sort=title", sorted(SortKey::Title, SortDirection::Ascending)),
        ("?sort=title&order=desc", sorted(SortKey::Title, SortDirection::Descending)),
        ("?order=asc", sorted(SortKey::CreatedAt, SortDirection::Ascending)),
        ("?limit=1", limited(1)),
        ("?limit=1000", limited(1000)),
        ("?x=y&limit=2&limit=3&access_token=z", limited(3)),
        ("?offset=30", TaskQuery { start: PageStart::Offset(TaskOrder::default(), 30), ..everything() }),
        ("?_t=1795225503&timestamp=x&page=2&skip=4&user_id=bob", everything()),
    ] {
        let answer = asked(query, expected, None).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!([on_the_wire().await])), "{query}");
    }
}

/// The response to a list request with invalid parameters names each of them, and the store is not called.
#[actix_web::test]
async fn wrong_parameters_are_422_and_each_is_named() {
    let nul = "q=a%00b";
    let long = format!("q={}", "x".repeat(1001));
    let mut table = vec![(nul, vec!["q"]), (&long, vec!["q"])];
    for name in ["limit", "offset"] {
        for value in
            ["-1", "1e2", "1.5", "9223372036854775808", "abc", "%ff", "NaN", "1%00", "0x1", "+1+", "true", "[]"]
        {
            table.push((Box::leak(format!("{name}={value}").into_boxed_str()), vec![name]));
        }
    }
    table.extend([
        ("limit=0", vec!["limit"]),
        ("limit=1001", vec!["limit"]),
        ("offset=4294967296", vec!["offset"]),
        ("completed=yes", vec!["completed"]),
        ("completed=null", vec!["completed"]),
        ("status=done", vec!["status"]),
        ("status=ALL", vec!["status"]),
        ("status=completed&completed=false", vec!["status"]),
        ("sort=id", vec!["sort"]),
        ("sort=created_at;drop", vec!["sort"]),
        ("sort=title%20desc", vec!["sort"]),
        ("order=random", vec!["order"]),
        ("order=ASC", vec!["order"]),
        ("count=maybe", vec!["count"]),
        ("cursor=x", vec!["cursor"]),
        ("cursor=e30", vec!["cursor"]),
        ("order=up&limit=0&completed=2&sort=x", vec!["completed", "sort", "order", "limit"]),
    ]);
    for (query, names) in table {
        let answer = Ports::new().answer(alice("GET", &format!("/api/alice/tasks?{query}"))).await;
        assert_eq!(answer.verdict(), (422, "VALIDATION_ERROR".into()), "{query}");
        let detail = answer.json()["detail"].clone();
        let places: Vec<_> = detail.as_array().unwrap().iter().map(|fault| fault["loc"].clone()).collect();
        assert_eq!(places, names.iter().map(|name| json!(["query", name])).collect::<Vec<_>>(), "{query}");
        assert!(detail[0]["msg"].is_string() && detail[0]["type"].is_string());
    }
}

/// The response has a header `Link` only if there is a next page. The URL in it keeps the filters and the limit of the
/// request.
#[actix_web::test]
async fn link_leads_to_the_next_page() {
    let answer = asked("", TaskQuery::default(), None).await;
    assert_eq!(answer.header("link"), None);
    let offset = TaskQuery { start: PageStart::Offset(TaskOrder::default(), 3), ..TaskQuery::default() };
    let answer = asked("?offset=3", offset, Some(cursor())).await;
    assert!(answer.header("link").unwrap().starts_with("<?cursor="));
    let titled = |title: String| Cursor {
        value: SortValue::Title(TitlePrefix::of(&title)),
        id: TaskId::new(i64::MIN),
        ..cursor()
    };
    let kept = "?status=pending&q=a%26b%3D%25+%3E%3C%2C&limit=2&token=x";
    let query = TaskQuery { limit: PageSize::new(2).unwrap(), ..filtered(Some(false), Some("a&b=% ><,")) };
    for next in [
        cursor(),
        Cursor { direction: SortDirection::Ascending, ..cursor() },
        Cursor { value: SortValue::UpdatedAt(PreciseTimestamp::from_unix_micros(-1).unwrap()), ..cursor() },
        titled("\u{1f642}".repeat(200)),
        titled("\u{1}".repeat(10_000)),
    ] {
        let answer = asked(kept, query.clone(), Some(next.clone())).await;
        let link = answer.header("link").unwrap();
        let target = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        assert!(target.starts_with('?') && !target.contains("token"), "{target}");
        let start = PageStart::After(next.clone());
        assert_eq!(asked(target, TaskQuery { start, ..query.clone() }, None).await.status, 200);
    }
}

/// A cursor is rejected if the query also has an offset, or an order other than that of the cursor.
#[actix_web::test]
async fn a_cursor_is_valid_for_one_order() {
    let answer = asked("", TaskQuery::default(), Some(cursor())).await;
    let link = answer.header("link").unwrap();
    let (_, cursor_parameter) = link.split_once('?').unwrap();
    let cursor_parameter = cursor_parameter.split('>').next().unwrap();
    for (more, status) in [
        ("", 200),
        ("&sort=created_at", 200),
        ("&sort=created_at&order=desc", 200),
        ("&order=asc", 422),
        ("&sort=title", 422),
        ("&offset=0", 422),
    ] {
        let mut repo = MockTaskRepo::new();
        repo.expect_list().returning(|_, _| Ok(page(Vec::new())));
        let path = format!("/api/alice/tasks?{cursor_parameter}{more}");
        assert_eq!(Ports::with_tasks(repo).answer(alice("GET", &path)).await.status, status, "{more}");
    }
}

/// Clients can change a cursor, because it is not signed. So its content is validated like any other input.
#[actix_web::test]
async fn a_forged_cursor_is_422() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let good = json!({ "sort": "created_at", "order": "desc", "at": 0, "id": 7 });
    let with = |name: &str, value: Value| {
        let mut forged = good.clone();
        forged[name] = value;
        forged.to_string()
    };
    let forged = [
        String::new(),
        "null".into(),
        "[]".into(),
        "{".into(),
        "\"".repeat(2000),
        with("sort", json!("id")),
        with("order", json!("down")),
        with("at", json!("0")),
        with("at", json!(1.5)),
        with("at", json!(i64::MAX)),
        with("at", json!(i64::MIN)),
        with("at", Value::Null),
        with("id", json!("7")),
        with("id", json!(u64::MAX)),
        with("user_id", json!("bob")),
        json!({ "sort": "title", "order": "asc", "at": "a\0", "id": 7 }).to_string(),
        json!({ "sort": "title", "order": "asc", "at": 7, "id": 7 }).to_string(),
    ];
    let encoded = forged.iter().map(|json| URL_SAFE_NO_PAD.encode(json)).filter(|text| !text.is_empty());
    let badly_encoded = [format!("{}=", STANDARD.encode(good.to_string())), good.to_string().replace('"', "%22")];
    for cursor in encoded.chain(badly_encoded) {
        let answer = Ports::new().answer(alice("GET", &format!("/api/alice/tasks?cursor={cursor}"))).await;
        assert_eq!(answer.verdict(), (422, "VALIDATION_ERROR".into()), "{cursor}");
    }
    let mut repo = MockTaskRepo::new();
    repo.expect_list().return_once(|_, _| Ok(page(Vec::new())));
    let path = format!("/api/alice/tasks?cursor={}", URL_SAFE_NO_PAD.encode(good.to_string()));
    assert_eq!(Ports::with_tasks(repo).answer(alice("GET", &path)).await.status, 200);
}

/// Without `count=true`, the response contains the total number of tasks only if the first page is the whole list.
#[actix_web::test]
async fn the_total_is_exact_or_absent() {
    for (query, next, total) in [
        ("", None, Some("1")),
        ("?count=true", None, Some("1")),
        ("", Some(cursor()), None),
        ("?count=false", Some(cursor()), None),
        ("?count=true", Some(cursor()), Some("42")),
    ] {
        let answer = asked(query, TaskQuery::default(), next).await;
        assert_eq!(answer.header("x-total-count"), total, "{query}");
    }
}
