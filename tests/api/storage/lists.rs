//! Lists of tasks: filters, search, sort order and pages.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use support::{Server, User};

async fn titles(response: Response) -> Vec<String> {
    assert_eq!(response.status(), 200);
    let list: Value = response.json().await.unwrap();
    list.as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
}

fn header(response: &Response, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().unwrap().to_owned())
}

/// Signs Ann up with five tasks, the last one completed, and Bob with one, which must not appear in any list of Ann's.
async fn ann(server: &Server) -> User {
    let bob = User::sign_up(server, "bob").await;
    bob.add(json!({ "title": "milk of bob" })).await;
    let ann = User::sign_up(server, "ann").await;
    for (title, description) in [
        ("milk", json!(null)),
        ("Bread", json!("and MILK")),
        ("100%", json!("")),
        ("a_b", json!("Äpfel")),
        ("zoo", json!(null)),
    ] {
        ann.add(json!({ "title": title, "description": description, "completed": title == "zoo" })).await;
    }
    ann
}

#[tokio::test]
async fn a_list_is_filtered_searched_and_sorted() {
    let server = Server::start();
    let ann = ann(&server).await;
    for (query, expected) in [
        ("", vec!["zoo", "a_b", "100%", "Bread", "milk"]),
        ("?status=completed", vec!["zoo"]),
        ("?status=pending", vec!["a_b", "100%", "Bread", "milk"]),
        ("?completed=false&q=milk", vec!["Bread", "milk"]),
        ("?q=MILK&sort=title", vec!["Bread", "milk"]),
        ("?q=%25", vec!["100%"]),
        ("?q=_", vec!["a_b"]),
        ("?q=%C3%84pfel", vec!["a_b"]),
        ("?q=%C3%A4pfel", vec![]),
        ("?q='%3B%20drop%20table%20tasks%3B%20--", vec![]),
        ("?q=%5C", vec![]),
        ("?sort=title", vec!["100%", "Bread", "a_b", "milk", "zoo"]),
        ("?sort=title&order=desc&limit=2", vec!["zoo", "milk"]),
        ("?order=asc&offset=3", vec!["a_b", "zoo"]),
        ("?offset=4294967295", vec![]),
    ] {
        assert_eq!(titles(ann.get(&ann.tasks(query)).await).await, expected, "{query}");
    }
    for query in
        ["?limit=0", "?offset=-1", "?sort=1%3B--", "?order=x", "?status=x", "?cursor=x", "?q=%00", "?completed=2"]
    {
        let response = ann.get(&ann.tasks(query)).await;
        assert_eq!(response.status(), 422, "{query}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["detail"][0]["loc"][0], "query", "{query}");
    }
    assert_eq!(titles(ann.get(&ann.tasks("")).await).await.len(), 5);
}

/// Follows `Link` through the whole list, in each order, while tasks are added before the current page.
#[tokio::test]
async fn links_lead_through_the_whole_list() {
    let server = Server::start();
    let ann = ann(&server).await;
    for (query, expected) in [
        ("?limit=2", ["zoo", "a_b", "100%", "Bread", "milk"]),
        ("?limit=2&sort=title", ["100%", "Bread", "a_b", "milk", "zoo"]),
        ("?limit=2&sort=updated_at&order=asc&q=", ["milk", "Bread", "100%", "a_b", "zoo"]),
    ] {
        let whole = titles(ann.get(&ann.tasks(query.split('&').next().unwrap())).await).await;
        assert_eq!(whole.len(), 2);
        let mut url = reqwest::Url::parse(&server.url(&ann.tasks(query))).unwrap();
        let mut read = Vec::new();
        loop {
            let path = format!("{}?{}", url.path(), url.query().unwrap());
            let response = ann.get(&path).await;
            let link = header(&response, "link");
            assert_eq!(header(&response, "x-total-count"), None);
            read.extend(titles(response).await);
            let Some(link) = link else { break };
            let target = link.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
            url = url.join(&target).unwrap();
        }
        assert_eq!(read, expected, "{query}");
    }
    let counted = ann.get(&ann.tasks("?limit=2&count=true&status=pending")).await;
    assert_eq!(header(&counted, "x-total-count").as_deref(), Some("4"));
    let whole = ann.get(&ann.tasks("")).await;
    assert_eq!(header(&whole, "x-total-count").as_deref(), Some("5"));
}

/// HEAD returns the headers of GET without a body.
#[tokio::test]
async fn head_is_get_without_its_body() {
    let server = Server::start();
    let ann = ann(&server).await;
    let id = ann.list().await[0]["id"].clone();
    for path in
        [ann.tasks(""), ann.tasks("?limit=2"), ann.tasks(&format!("/{id}")), ann.tasks("/0"), "/health/live".into()]
    {
        let get = ann.get(&path).await;
        let head = ann.request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.status(), get.status(), "{path}");
        for name in ["content-type", "content-length", "link", "x-total-count"] {
            assert_eq!(header(&head, name), header(&get, name), "{path} {name}");
        }
        assert_eq!(head.bytes().await.unwrap().len(), 0);
    }
}

/// Each compatibility setting can be set by an environment variable.
#[tokio::test]
async fn other_dialects_are_a_matter_of_configuration() {
    let server = Server::start_with(&[
        ("TASKBRIDGE__TASKS__PREFIX", "/v2/"),
        ("TASKBRIDGE__TASKS__WITHOUT_USER_ID", "on"),
        ("TASKBRIDGE__TASKS__LIST_ENVELOPE", "on"),
        ("TASKBRIDGE__TASKS__IS_COMPLETED", "on"),
        ("TASKBRIDGE__TASKS__DELETE_MESSAGE", "on"),
    ]);
    let ann = User::sign_up(&server, "ann").await;
    assert_eq!(ann.get(&ann.tasks("")).await.status(), 404);
    let task = json!({ "title": "milk", "is_completed": true });
    let added = ann.request(Method::POST, "/v2/tasks").json(&task).send().await.unwrap();
    assert_eq!(added.status(), 201);
    let added: Value = added.json().await.unwrap();
    assert_eq!(
        (&added["completed"], &added["is_completed"], &added["user_id"]),
        (&json!(true), &json!(true), &json!(ann.id))
    );
    let list: Value = ann.get(&format!("/v2/{}/tasks", ann.id)).await.json().await.unwrap();
    assert_eq!(list, json!({ "tasks": [added], "total": 1, "count": 1 }));
    let path = format!("/v2/tasks/{}", added["id"]);
    let removed = ann.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(
        (removed.status().as_u16(), removed.json::<Value>().await.unwrap()),
        (200, json!({ "message": "Task deleted" }))
    );
    assert_eq!(ann.request(Method::DELETE, &path).send().await.unwrap().status(), 404);
    assert_eq!(ann.anonymous(Method::GET, "/v2/tasks").send().await.unwrap().status(), 401);
}
