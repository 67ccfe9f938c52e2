//! The proof that only the owner of a resource has access to it, and that requests are checked, for every resource of a
//! program.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::forge::{Forge, sign};
use crate::routes::{Route, routes};
use crate::server::{Server, outcome_of};
use crate::user::{REFUSAL, User};

/// The routes of one resource.
struct Resource {
    /// The path of its list, after `/api/{user_id}`.
    base: String,
    routes: Vec<Route>,
}

impl Resource {
    /// Returns the resources of a server.
    fn of(server: &Server) -> Vec<Self> {
        let mut resources = BTreeMap::<String, Vec<Route>>::new();
        for route in routes(server) {
            let base = route.path.split('/').nth(1).unwrap();
            resources.entry(format!("/{base}")).or_default().push(route);
        }
        resources.into_iter().map(|(base, routes)| Self { base, routes }).collect()
    }

    fn create(&self) -> &Route {
        let create = self.routes.iter().find(|route| route.method == "POST" && route.path == self.base);
        create.unwrap_or_else(|| panic!("{} cannot be created", self.base))
    }

    /// Returns the paths of the routes for the resource with this id, after `/api/{user_id}`.
    fn paths(&self, id: &Value) -> impl Iterator<Item = (&Route, String)> {
        self.routes.iter().map(move |route| {
            let segments = route
                .path
                .split('/')
                .map(|segment| if segment.starts_with('{') { id.to_string() } else { segment.to_owned() });
            (route, segments.collect::<Vec<_>>().join("/"))
        })
    }
}

/// Sends a request to a route, as `user` but with the id `path_user` in the path and the token `token`, and returns the
/// status and the body.
async fn ask(user: &User, token: Option<&str>, path_user: &str, route: &Route, path: &str) -> (u16, String) {
    let method: Method = route.method.parse().unwrap();
    let mut request = user.anonymous(method, &format!("/api/{path_user}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if !route.body.is_empty() {
        request = request.header("content-type", "application/json").body(route.body.clone());
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Sends an invalid value for each field of the body and each parameter of the query, and asserts that the response names it.
async fn prove_that_fields_are_checked(user: &User, route: &Route, path: &str) {
    let url = format!("/api/{}{path}", user.id);
    let method: Method = route.method.parse().unwrap();
    let valid: Value = serde_json::from_str(&route.body).unwrap_or_default();
    for field in valid.as_object().into_iter().flat_map(|fields| fields.keys()) {
        let mut body = valid.clone();
        body[field] = json!({ "no field has": "an object" });
        let response = user.request(method.clone(), &url).json(&body).send().await.unwrap();
        assert_names(response, &json!(["body", field]), &format!("{method} {path}")).await;
    }
    for parameter in &route.parameters {
        // No value contains a NUL.
        let response = user.request(method.clone(), &format!("{url}?{parameter}=%00")).send().await.unwrap();
        assert_names(response, &json!(["query", parameter]), &format!("{method} {path}")).await;
    }
}

async fn assert_names(response: Response, place: &Value, name: &str) {
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!((status.as_u16(), &body["detail"][0]["loc"]), (422, place), "{name} with an invalid {place}: {body}");
}

async fn list(user: &User, resource: &Resource) -> Value {
    user.get(&format!("/api/{}{}", user.id, resource.base)).await.json().await.unwrap()
}

async fn add(user: &User, resource: &Resource) -> Value {
    let (status, body) = ask(user, Some(&user.token), &user.id, resource.create(), &resource.base).await;
    assert_eq!(status, 201, "{}: {body}", resource.base);
    serde_json::from_str(&body).unwrap()
}

/// Attacks every route of the program as a user other than the owner, then uses it as the owner, and deletes the owner.
/// `expected` are the names of the resources that the program has at least.
///
/// The tables are created before the users, as if these had been in another database, so that no foreign key of SQLite
/// deletes the resources of a deleted user.
pub async fn prove(program: &Path, database_url: &str, expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let app = ("BETTER_AUTH_URL", "https://app.example.test");
    let bridge = [("DATABASE_URL", database_url), ("AUTH_MODE", "bridge"), ("JWKS_URL", "off"), app];
    let (code, message) = outcome_of(program, folder.path(), &["migrate", "up"], &bridge);
    assert_eq!(code, Some(0), "{message}");
    let server = Server::start_program(program, &[("DATABASE_URL", database_url)]);
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
    let resources = Resource::of(&server);
    for name in expected {
        assert!(resources.iter().any(|resource| resource.base == format!("/{name}")), "{name} has no routes");
    }
    for resource in &resources {
        prove_for(resource, &server, &ann, &bob).await;
    }
    for resource in &resources {
        add(&ann, resource).await;
    }
    let deleted = server.run_with_input(&["users", "delete", &ann.id, "--yes"], &[], "");
    assert_eq!(deleted.code, Some(0), "{}", deleted.stderr);
    for resource in &resources {
        // The access token is still valid. With it, the user would see resources that have not been deleted.
        assert_eq!(list(&ann, resource).await, json!([]), "{} of a deleted user", resource.base);
        assert_ne!(list(&bob, resource).await, json!([]), "{} of another user", resource.base);
        let (status, body) = ask(&ann, Some(&ann.token), &ann.id, resource.create(), &resource.base).await;
        assert_eq!((status, body.as_str()), (401, REFUSAL), "{} of a deleted user", resource.base);
    }
}

async fn prove_for(resource: &Resource, server: &Server, ann: &User, bob: &User) {
    let before = add(ann, resource).await;
    let id = &before["id"];
    let claims = Forge::of(server).claims(&ann.id).to_string();
    let forged = sign(r#"{"alg":"HS256","typ":"JWT"}"#, claims, b"another-secret-0123456789-0123456789-abcdef");
    for (route, path) in resource.paths(id) {
        let name = format!("{} {path}", route.method);
        for token in [None, Some(forged.as_str()), Some(bob.session.as_str())] {
            let (status, body) = ask(ann, token, &ann.id, route, &path).await;
            assert_eq!((status, body.as_str()), (401, REFUSAL), "{name} without a valid token");
        }
        let (status, _) = ask(bob, Some(&bob.token), &ann.id, route, &path).await;
        assert_eq!(status, 403, "{name} in the path of another user");
        if route.path.contains('{') {
            let (status, of_ann) = ask(bob, Some(&bob.token), &bob.id, route, &path).await;
            let unassigned = path.replace(&id.to_string(), "4000000000");
            let (_, of_nobody) = ask(bob, Some(&bob.token), &bob.id, route, &unassigned).await;
            assert_eq!((status, &of_ann), (404, &of_nobody), "{name} with the id of another user's resource");
        }
    }
    for (route, path) in resource.paths(id) {
        prove_that_fields_are_checked(ann, route, &path).await;
    }
    assert_eq!(list(ann, resource).await, json!([before]), "{} after the attacks", resource.base);
    assert_eq!(list(bob, resource).await, json!([]), "{} of the attacker", resource.base);
    for (route, path) in resource.paths(id) {
        let (status, body) = ask(ann, Some(&ann.token), &ann.id, route, &path).await;
        assert_eq!(status, route.status, "{} {path} of the owner: {body}", route.method);
        let (given, answer): (Value, Value) =
            (serde_json::from_str(&route.body).unwrap_or_default(), serde_json::from_str(&body).unwrap_or_default());
        for (field, value) in given.as_object().into_iter().flatten() {
            assert_eq!(answer[field], *value, "{} {path}: the field {field} is lost", route.method);
        }
    }
    add(bob, resource).await;
}
