//! Query parameters.

use reqwest::Method;
use serde_json::json;

use super::assert_faults;
use crate::site::OneUser;

/// The last `limit` counts; it is a decimal number from 1 to 1000, or missing.
#[tokio::test]
async fn a_limit_is_a_number_from_1_to_1000() {
    let site = OneUser::open().await;
    for number in 0..4 {
        site.ann.add(json!({ "title": number.to_string() })).await;
    }
    let all = site.ann.list().await;
    for (query, count) in [
        ("", 4),
        ("limit=", 4),
        ("limit=1", 1),
        ("limit=3", 3),
        ("limit=1000", 4),
        ("limit=4&limit=2", 2),
        ("limit=x&limit=2", 2),
        ("%6cimit=2", 2),
        ("limit=%32", 2),
        ("&&limit=2&", 2),
        ("Limit=1", 4),
        ("x=%00%ff&y", 4),
        ("'%20OR%201=1%20--", 4),
    ] {
        let (status, list) = site.ask(Method::GET, &format!("?{query}"), None).await;
        assert_eq!(status, 200, "{query}: {list}");
        assert_eq!(list.as_array().unwrap(), &all.as_array().unwrap()[..count], "{query}");
    }
    let beyond = "9".repeat(2000);
    for value in [
        "0",
        "-0",
        "-1",
        "1001",
        "65536",
        "65537",
        "1000000000",
        "9223372036854775808",
        "18446744073709551617",
        "1.0",
        "1e2",
        "0x10",
        "abc",
        "null",
        "true",
        "NaN",
        "Infinity",
        "1,2",
        "%201",
        "1%20",
        "+1",
        "1%00",
        "%00",
        "%EF%BC%91",
        "%ff",
        "1;DROP%20TABLE%20tasks",
        "1%20OR%201=1",
        "[]",
        "2&limit=0",
        &beyond,
    ] {
        let answer = site.send("GET", &format!("?limit={value}"), &[], b"").await;
        assert_faults(&answer, &[(&["query", "limit"], "int_range")], value);
    }
    assert_eq!(site.ann.list().await, all);
}
