//! A client that remembers what was acknowledged, and compares it with every answer.

use std::collections::BTreeMap;

use reqwest::{Client as Http, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::peer::{APP, Answer};
use support::user::PASSWORD;

use crate::replicas::Replicas;

/// Number of sessions that a client keeps.
const SESSIONS: usize = 3;

/// Number of tasks above which a client deletes as many as it adds.
const TASKS: usize = 60;

/// Beginnings of titles, in the order of their code points.
const BEGINNINGS: [&str; 4] = ["Apple", "pear", "žluť", "🛒"];

/// A user, and everything that the replicas have acknowledged to them. Each request goes to the next replica.
pub(crate) struct Client {
    replicas: Replicas,
    http: Http,
    name: String,
    id: String,
    /// The cookies of the open sessions, oldest first.
    cookies: Vec<String>,
    /// The access token, which any replica may have issued.
    token: String,
    /// The tasks by their ids.
    tasks: BTreeMap<i64, Value>,
    /// Email addresses and ids of further users who have signed up.
    users: Vec<(String, String)>,
    requests: usize,
    rounds: usize,
}

impl Client {
    /// Signs the user up.
    pub(crate) async fn sign_up(replicas: Replicas, name: String) -> Self {
        // Without idle connections, an error means that the replica has stopped.
        let http = Http::builder().pool_max_idle_per_host(0).build().unwrap();
        let (cookies, tasks) = (Vec::new(), BTreeMap::new());
        let (id, token, users) = (String::new(), String::new(), Vec::new());
        let mut client = Self { replicas, http, name, id, cookies, token, tasks, users, requests: 0, rounds: 0 };
        let person = person(&client.name);
        let session = client.auth("/sign-up/email", &person).await.unwrap().session();
        client.id = session.user["id"].as_str().unwrap().into();
        client.cookies.push(session.cookie);
        client.renew_token().await;
        client
    }

    /// Changes some tasks and sessions, and reads what has become of all of them.
    pub(crate) async fn round(&mut self) {
        self.rounds += 1;
        for _ in 0..2 {
            self.add_task().await;
        }
        self.change_task().await;
        if self.rounds.is_multiple_of(3) || self.tasks.len() > TASKS {
            self.delete_task().await;
            self.delete_task().await;
        }
        self.check_lists().await;
        match self.rounds % 4 {
            0 => self.sign_in().await,
            1 => self.sign_up_another().await,
            2 => self.renew_token().await,
            _ => (),
        }
        self.check_sessions().await;
    }

    /// Checks everything that was acknowledged from the beginning, and returns the number of tasks and users.
    pub(crate) async fn finish(mut self) -> (usize, usize) {
        self.check_lists().await;
        self.check_sessions().await;
        for (email, id) in std::mem::take(&mut self.users) {
            let session = self.read_session(&json!({ "email": email, "password": PASSWORD })).await;
            assert_eq!(session.user["id"], id, "{email}");
            self.users.push((email, id));
        }
        (self.tasks.len(), self.users.len())
    }

    /// Sends a request to the next replica. Returns `None` if that replica is stopping and did not answer. No answer may
    /// be an error of the server.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Option<Answer> {
        self.requests += 1;
        let replica = self.replicas.next(self.requests).await;
        let request = with(self.http.request(method.clone(), format!("{}{path}", replica.base)).header("origin", APP));
        let received = async {
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, response.bytes().await?))
        };
        match received.await {
            Ok((status, headers, body)) => {
                let text = String::from_utf8_lossy(&body);
                assert!(!status.is_server_error(), "{method} {path}: {status} {text}");
                let body = serde_json::from_slice(&body).unwrap_or_default();
                Some(Answer { status: status.as_u16(), headers, body })
            }
            Err(error) => {
                assert!(replica.is_stopping(), "{method} {path}: {error:?}");
                None
            }
        }
    }

    /// Repeats a read until a replica answers it.
    async fn read(&mut self, path: &str, with: impl Fn(RequestBuilder) -> RequestBuilder) -> Answer {
        loop {
            if let Some(answer) = self.send(Method::GET, path, &with).await {
                return answer;
            }
        }
    }

    async fn auth(&mut self, path: &str, body: &Value) -> Option<Answer> {
        self.send(Method::POST, &format!("/api/auth{path}"), |request| request.json(body)).await
    }

    // Tasks.

    fn path(&self, rest: &str) -> String {
        format!("/api/{}/tasks{rest}", self.id)
    }

    async fn send_task(&mut self, method: Method, rest: &str, body: Option<&Value>) -> Option<Answer> {
        let (path, token) = (self.path(rest), self.token.clone());
        let with = |request: RequestBuilder| match body {
            Some(body) => request.bearer_auth(&token).json(body),
            None => request.bearer_auth(&token),
        };
        self.send(method, &path, with).await
    }

    async fn add_task(&mut self) {
        let title = self.new_title();
        let answer = self.send_task(Method::POST, "", Some(&json!({ "title": title }))).await;
        if let Some(answer) = answer {
            assert_eq!(answer.status, 201, "{}", answer.body);
            self.tasks.insert(id(&answer.body), answer.body);
        } else {
            self.learn(&title, None).await;
        }
    }

    async fn change_task(&mut self) {
        let changed = *self.tasks.keys().nth(self.requests % self.tasks.len()).unwrap();
        let title = self.new_title();
        let body = json!({ "title": title, "completed": self.rounds.is_multiple_of(2) });
        let answer = self.send_task(Method::PUT, &format!("/{changed}"), Some(&body)).await;
        if let Some(answer) = answer {
            assert_eq!(answer.status, 200, "{}", answer.body);
            self.tasks.insert(changed, answer.body);
        } else {
            self.learn(&title, Some(changed)).await;
        }
    }

    async fn delete_task(&mut self) {
        let deleted = *self.tasks.keys().nth(self.requests % self.tasks.len()).unwrap();
        let answer = self.send_task(Method::DELETE, &format!("/{deleted}"), None).await;
        if let Some(answer) = answer {
            assert_eq!(answer.status, 204, "{}", answer.body);
            self.tasks.remove(&deleted);
        } else {
            self.learn("", Some(deleted)).await;
        }
    }

    /// Returns a title that was not used before.
    fn new_title(&self) -> String {
        format!("{} {}", BEGINNINGS[self.requests % BEGINNINGS.len()], self.requests)
    }

    /// Learns whether a write without an answer was executed: one that gave a new task this title, or that changed or
    /// deleted an existing task. All other tasks must be as acknowledged.
    async fn learn(&mut self, title: &str, id_of_write: Option<i64>) {
        let list = self.list("?limit=1000").await;
        let is_doubtful = |task: &&Value| task["title"] == title || Some(id(task)) == id_of_write;
        let (doubtful, certain): (Vec<_>, Vec<_>) = list.iter().partition(is_doubtful);
        let before = id_of_write.and_then(|id| self.tasks.remove(&id));
        assert!(doubtful.len() <= 1, "the write was executed twice: {doubtful:?}");
        assert!(doubtful.iter().all(|task| task["title"] == title || before.as_ref() == Some(*task)), "{doubtful:?}");
        assert!(certain.into_iter().eq(self.tasks.values().rev()), "{list:?}");
        self.tasks.extend(doubtful.into_iter().map(|task| (id(task), task.clone())));
    }

    async fn list(&mut self, query: &str) -> Vec<Value> {
        let (path, token) = (self.path(query), self.token.clone());
        let answer = self.read(&path, |request| request.bearer_auth(&token)).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer.body.as_array().unwrap().clone()
    }

    /// Compares every list with the acknowledged tasks.
    async fn check_lists(&mut self) {
        let newest_first: Vec<_> = self.tasks.values().rev().cloned().collect();
        assert_eq!(self.list("?limit=1000&count=true").await, newest_first);
        let mut by_title = newest_first;
        by_title.sort_by(|a, b| a["title"].as_str().cmp(&b["title"].as_str()));
        assert_eq!(self.list("?limit=1000&sort=title&order=asc").await, by_title);
        assert_eq!(self.list("?limit=5&sort=title&order=asc").await, by_title[..by_title.len().min(5)]);
        by_title.retain(|task| task["title"].as_str().unwrap().starts_with(BEGINNINGS[0]));
        assert_eq!(self.list("?limit=1000&sort=title&order=asc&q=apple").await, by_title);
    }

    // Sessions.

    /// Signs in, and signs the oldest session out if there are enough.
    async fn sign_in(&mut self) {
        let person = person(&self.name);
        // If the answer is lost, there is a session that no client knows.
        if let Some(answer) = self.auth("/sign-in/email", &person).await {
            self.cookies.push(answer.session().cookie);
        }
        if self.cookies.len() > SESSIONS {
            let cookie = self.cookies.remove(0);
            let with = |request: RequestBuilder| request.header("cookie", &cookie).json(&json!({}));
            if let Some(answer) = self.send(Method::POST, "/api/auth/sign-out", with).await {
                assert_eq!(answer.status, 200);
                assert_eq!(self.session(&cookie).await, Value::Null, "the session has ended");
            }
        }
    }

    async fn sign_up_another(&mut self) {
        let person = person(&format!("{}.{}", self.name, self.requests));
        if let Some(answer) = self.auth("/sign-up/email", &person).await {
            let id = answer.session().user["id"].as_str().unwrap().into();
            self.users.push((person["email"].as_str().unwrap().into(), id));
        }
    }

    async fn read_session(&mut self, person: &Value) -> support::peer::Session {
        loop {
            if let Some(answer) = self.auth("/sign-in/email", person).await {
                return answer.session();
            }
        }
    }

    async fn renew_token(&mut self) {
        let cookie = self.cookies[self.requests % self.cookies.len()].clone();
        let answer = self.read("/api/auth/token", |request| request.header("cookie", &cookie)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.token = answer.body["token"].as_str().unwrap().into();
    }

    async fn session(&mut self, cookie: &str) -> Value {
        let answer = self.read("/api/auth/get-session", |request| request.header("cookie", cookie)).await;
        assert_eq!(StatusCode::from_u16(answer.status).unwrap(), StatusCode::OK, "{}", answer.body);
        answer.body
    }

    /// Asserts that every session is valid at some replica; round by round, at all of them.
    async fn check_sessions(&mut self) {
        for cookie in self.cookies.clone() {
            let found = self.session(&cookie).await;
            assert_eq!(found["user"]["id"], self.id, "{found}");
        }
    }
}

/// Returns the user with this name, as sign-up and sign-in expect them.
fn person(name: &str) -> Value {
    let email = format!("{}@example.test", name.to_lowercase());
    json!({ "name": name, "email": email, "password": PASSWORD })
}

fn id(task: &Value) -> i64 {
    task["id"].as_i64().unwrap()
}
