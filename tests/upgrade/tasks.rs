//! The tasks of a recorded user.

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::Server;

use crate::recording::Recording;

/// A recorded user with an access token for this release.
pub(crate) struct Caller<'a> {
    recorded: &'a Value,
    url: String,
    token: String,
}

impl<'a> Caller<'a> {
    pub(crate) fn of(recorded: &'a Value, server: &Server, token: impl Into<String>) -> Self {
        let url = server.url(&format!("/api/{}/tasks", recorded["user"]["id"].as_str().unwrap()));
        Self { recorded, url, token: token.into() }
    }

    fn request(&self, method: Method, rest: &str) -> RequestBuilder {
        Client::new().request(method, format!("{}{rest}", self.url)).bearer_auth(&self.token)
    }

    async fn get(&self, rest: &str) -> (StatusCode, Value) {
        let response = self.request(Method::GET, rest).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// Asserts that every list is equal to the recorded one.
    pub(crate) async fn assert_lists(&self, recording: &Recording) {
        let lists = self.recorded["lists"].as_object().unwrap();
        assert!(lists.len() >= 4);
        for (query, list) in lists {
            assert_eq!(self.get(query).await, (StatusCode::OK, list.clone()), "{} {query}", recording.name);
        }
    }

    /// Creates, changes and deletes tasks. In the end, the lists are as before.
    pub(crate) async fn work(&self, recording: &Recording) {
        let new = self.request(Method::POST, "").json(&json!({ "title": "new" })).send().await.unwrap();
        assert_eq!(new.status(), StatusCode::CREATED);
        let new: Value = new.json().await.unwrap();
        let last = recording.facts["lastTaskId"].as_i64().unwrap();
        assert!(new["id"].as_i64().unwrap() > last, "{}: {new}", recording.name);

        let path = format!("/{}", new["id"]);
        let changed = json!({ "title": "changed", "description": "Größe", "completed": true });
        let answer = self.request(Method::PUT, &path).json(&changed).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let (_, found) = self.get(&path).await;
        for (name, value) in changed.as_object().unwrap() {
            assert_eq!(&found[name], value);
        }
        self.delete(&path).await;
        self.assert_lists(recording).await;

        let oldest = self.recorded["lists"]["?limit=1000"].as_array().unwrap().last().unwrap();
        let path = format!("/{}", oldest["id"]);
        let toggled = self.request(Method::PATCH, &format!("{path}/complete")).send().await.unwrap();
        let toggled: Value = toggled.json().await.unwrap();
        assert_eq!(toggled["completed"], json!(!oldest["completed"].as_bool().unwrap()));
        self.delete(&path).await;
    }

    async fn delete(&self, path: &str) {
        let answer = self.request(Method::DELETE, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(self.get(path).await.0, StatusCode::NOT_FOUND);
    }
}
