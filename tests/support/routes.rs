//! The routes of resources that belong to users, as the OpenAPI document describes them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;

use serde_json::Value;

use crate::server::Server;

/// The order of the routes of a path. A deletion is the last of all routes.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// A route.
#[derive(Debug)]
pub struct Route {
    /// The method, in capital letters.
    pub method: String,
    /// The path after `/api/{user_id}`.
    pub path: String,
    /// A valid body with every field; empty if there is none.
    pub body: String,
    /// The names of the parameters of the URL query.
    pub parameters: Vec<String>,
    /// The status of the response to the owner.
    pub status: u16,
}

static OF_TASKS: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let routes = routes(&Server::start_with(&[("DATABASE_URL", "sqlite://openapi.db")]));
    assert!(routes.len() >= 8, "{}", routes.len());
    routes
});

/// Returns every route of the tasks API: the method, the path after `/api/{user_id}/tasks` for the task `id`, a valid body
/// with every field, and the status of the response to the owner. The deletion is the last route.
#[must_use]
pub fn task_routes(id: &str) -> Vec<(&'static str, String, &'static str, u16)> {
    let one = |route: &'static Route| {
        let path = route.path.replace("{task_id}", id);
        (route.method.as_str(), path["/tasks".len()..].to_owned(), route.body.as_str(), route.status)
    };
    OF_TASKS.iter().map(one).collect()
}

/// Returns every route of a server whose path has a `{user_id}`. Deletions are the last ones.
#[must_use]
pub fn routes(server: &Server) -> Vec<Route> {
    let document = document(server);
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/{user_id}") else { continue };
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let statuses = operation["responses"].as_object().unwrap().keys();
            routes.push(Route {
                method: method.to_uppercase(),
                path: path.to_owned(),
                body: body(&document, operation).map(|body| body.to_string()).unwrap_or_default(),
                parameters: parameters(operation),
                status: statuses.map(|status| status.parse().unwrap()).min().unwrap(),
            });
        }
    }
    routes.sort_by_key(|route| route.method == "DELETE");
    routes
}

/// Returns the OpenAPI document of a server.
fn document(server: &Server) -> Value {
    let mut connection = TcpStream::connect(&server.address).unwrap();
    connection.write_all(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn parameters(operation: &Value) -> Vec<String> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    let of_query = all.filter(|parameter| parameter["in"] == "query");
    of_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
}

fn body(document: &Value, operation: &Value) -> Option<Value> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    // The schema of an optional body has alternatives, such as `null`.
    let mut alternatives = schema["oneOf"].as_array().into_iter().flatten().chain([schema]);
    let name = alternatives.find_map(|schema| schema["$ref"].as_str()?.rsplit('/').next())?;
    let value = |schema: &Value| match &schema["examples"][0] {
        Value::Null if schema["type"] == "boolean" => true.into(),
        Value::Null => "an example".into(),
        example => example.clone(),
    };
    let properties = document["components"]["schemas"][name]["properties"].as_object().unwrap();
    Some(properties.iter().map(|(name, schema)| (name.clone(), value(schema))).collect())
}
