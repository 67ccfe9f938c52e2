//! Servers on PostgreSQL tables of Better Auth whose ids are UUIDs or integers.

use reqwest::{Client, Method, Url};
use serde_json::{Value, json};
use support::peer::Peer;
use support::postgres::{fresh_database, psql};
use support::routes::task_routes;
use support::server::run;
use support::user::{PASSWORD, REFUSAL};
use support::{Forge, Server, User};

const UUIDS: &str = include_str!("../vectors/schema-postgres-uuid-ids.sql");
const INTEGERS: &str = include_str!("../vectors/schema-postgres-serial-ids.sql");

/// Runs each of the functions as a test on each kind of ids.
macro_rules! on_each_kind {
    ($tests:tt) => {
        on_each_kind!(@ uuids, UUIDS, $tests);
        on_each_kind!(@ integers, INTEGERS, $tests);
        on_each_kind!(@ always_generated_integers, &INTEGERS.replace("BY DEFAULT", "ALWAYS"), $tests);
    };
    (@ $module:ident, $schema:expr, [$($test:ident),+ $(,)?]) => {
        mod $module {
            use super::*;

            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(Tables::new($schema)).await;
                }
            )+
        }
    };
}

on_each_kind!([
    users_sign_up_and_use_their_accounts,
    users_have_tasks_of_their_own,
    a_subject_that_is_not_an_id_has_no_tasks,
    tokens_are_signed_with_keys_of_the_table,
    a_bridge_accepts_the_ids_of_its_database,
]);

/// A database with Better Auth's tables.
struct Tables {
    url: String,
    has_uuids: bool,
}

impl Tables {
    fn new(schema: &str) -> Self {
        let url = fresh_database();
        psql(&url, schema);
        Self { url, has_uuids: schema == UUIDS }
    }

    fn start(&self, variables: &[(&str, &str)]) -> Server {
        let url = ("DATABASE_URL", self.url.as_str());
        Server::start_with(&[&[url, ("TASKBRIDGE__AUTH__DELETE_USER", "on")], variables].concat())
    }

    /// Checks that a JSON value is the text of an id of this kind, as Better Auth returns ids.
    fn assert_id(&self, id: &Value) {
        let text = id.as_str().unwrap_or_else(|| panic!("{id} is not text"));
        let is_uuid = text.len() == 36 && text.as_bytes()[14] == b'4' && text == text.to_lowercase();
        let is_integer = text.parse::<i32>().is_ok_and(|integer| integer.to_string() == text);
        assert!(if self.has_uuids { is_uuid } else { is_integer }, "{text}");
    }

    /// Returns texts that PostgreSQL reads as `id`.
    fn other_forms(&self, id: &str) -> Vec<String> {
        if self.has_uuids {
            vec![id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}")]
        } else {
            vec![format!("0{id}"), format!("+{id}"), format!(" {id}"), format!("{id} ")]
        }
    }

    fn count(&self, rows: &str) -> String {
        psql(&self.url, &format!("select count(*) from {rows}"))
    }
}

/// Returns the items of an array in an answer.
fn items(body: &Value) -> &Vec<Value> {
    body.as_array().unwrap_or_else(|| panic!("{body}"))
}

/// All ids in the answers are of the kind of the tables, and text.
async fn users_sign_up_and_use_their_accounts(tables: Tables) {
    let server = tables.start(&[]);
    let auth = Peer::taskbridge(&server).with_origin(&server.origin);
    let (ann, bob) = (auth.sign_up("ann").await, auth.sign_up("bob").await);
    assert_ne!(ann.user["id"], bob.user["id"]);
    let found = auth.get_session(&ann.cookie).await;
    for id in [&ann.user["id"], &found["session"]["id"], &found["session"]["userId"]] {
        tables.assert_id(id);
    }
    assert_eq!((&found["user"], &found["session"]["userId"]), (&ann.user, &ann.user["id"]));

    let second = auth.sign_in(&ann.user, PASSWORD).await;
    assert_eq!(second.user, ann.user);
    let listed = auth.get("/list-sessions", &ann.cookie).await.body;
    assert_eq!(items(&listed).len(), 2);
    for session in items(&listed) {
        tables.assert_id(&session["id"]);
    }
    let accounts = auth.get("/list-accounts", &ann.cookie).await.body;
    tables.assert_id(&items(&accounts)[0]["id"]);
    assert_eq!(accounts[0]["accountId"], ann.user["id"]);
    let revoked = auth.post("/revoke-session", &ann.cookie, json!({ "token": second.token })).await;
    assert_eq!((revoked.status, auth.get_session(&second.cookie).await), (200, Value::Null));

    let renamed = auth.post("/update-user", &ann.cookie, json!({ "name": "Änn" })).await;
    assert_eq!(renamed.status, 200, "{}", renamed.body);
    assert_eq!(auth.get_session(&ann.cookie).await["user"]["name"], "Änn");
    let new = "another horse battery";
    let change = json!({ "currentPassword": PASSWORD, "newPassword": new, "revokeOtherSessions": true });
    let changed = auth.post("/change-password", &ann.cookie, change).await.session();
    assert_eq!((auth.get_session(&ann.cookie).await, &changed.user["id"]), (Value::Null, &ann.user["id"]));
    tables.assert_id(&auth.get_session(&changed.cookie).await["session"]["id"]);
    assert_eq!(auth.try_sign_in(&ann.user["email"], PASSWORD).await.status, 401);
    let signed_in = auth.sign_in(&ann.user, new).await;

    let token = auth.jwt(&signed_in.cookie).await;
    let tasks = server.url(&format!("/api/{}/tasks", ann.user["id"].as_str().unwrap()));
    let http = Client::new();
    let add = || http.post(&tasks).bearer_auth(&token).json(&json!({ "title": "soon gone" })).send();
    assert_eq!(add().await.unwrap().status(), 201);
    let deleted = auth.post("/delete-user", &signed_in.cookie, json!({ "password": new })).await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    assert_eq!(auth.try_sign_in(&ann.user["email"], new).await.status, 401);
    assert_eq!(add().await.unwrap().status(), 401);
    for (rows, left) in [(r#""user""#, "1"), (r#""account""#, "1"), (r#""session""#, "1"), ("tasks", "0")] {
        assert_eq!(tables.count(rows), left, "{rows}");
    }
}

async fn users_have_tasks_of_their_own(tables: Tables) {
    for (server, max) in
        [(tables.start(&[]), None), (tables.start(&[("TASKBRIDGE__TASKS__MAX_PER_USER", "2")]), Some(2))]
    {
        let name = |name: &str| format!("{name}-{}", max.unwrap_or_default());
        let (ann, bob) = (User::sign_up(&server, &name("ann")).await, User::sign_up(&server, &name("bob")).await);
        let task = ann.add(json!({ "title": "first" })).await;
        assert_eq!(task["user_id"], json!(ann.id));
        assert_eq!(ann.list().await, json!([task]));
        assert_eq!(bob.list().await, json!([]));
        let own = task["id"].to_string();
        for (method, rest, body, status) in task_routes(&own) {
            let ask = |user: &User, path: &str| {
                let request = user.request(Method::from_bytes(method.as_bytes()).unwrap(), path);
                request.header("content-type", "application/json").body(body).send()
            };
            assert_eq!(ask(&bob, &ann.tasks(&rest)).await.unwrap().status(), 403, "{method} {rest}");
            if rest.contains(&own) {
                assert_eq!(ask(&bob, &bob.tasks(&rest)).await.unwrap().status(), 404, "{method} {rest}");
            }
            assert_eq!(ask(&ann, &ann.tasks(&rest)).await.unwrap().status(), status, "{method} {rest}");
        }
        assert_eq!(ann.get(&ann.tasks(&format!("/{own}"))).await.status(), 404);
    }
}

/// A token whose subject is not an id of the database is treated like that of a user who does not exist: there are no
/// tasks, and none can be added. This includes the other forms of the id of a user.
async fn a_subject_that_is_not_an_id_has_no_tasks(tables: Tables) {
    let server = tables.start(&[("TASKBRIDGE__TASKS__MAX_PER_USER", "5")]);
    let ann = User::sign_up(&server, "ann").await;
    let task = ann.add(json!({ "title": "of Ann" })).await;
    let forms = tables.other_forms(&ann.id);
    for form in &forms {
        assert_eq!(tables.count(&format!(r#""user" where "id" = '{form}'"#)), "1", "PostgreSQL reads {form:?}");
    }
    let unknown = if tables.has_uuids { "0f8fad5b-d9cb-469f-a165-70867728950e" } else { "2147483647" };
    let foreign = [unknown, "alice", "-1", "1e3", "2147483648", "99999999999999999999", "' or true --", "🙂"];
    for subject in foreign.map(str::to_owned).iter().chain(&forms) {
        let token = Forge::of(&server).token(subject);
        for (method, rest, body, _) in task_routes(&task["id"].to_string()) {
            let mut url = Url::parse(&server.url("/api")).unwrap();
            url.path_segments_mut().unwrap().push(subject).push("tasks").extend(rest.split('/').skip(1));
            let request = Client::new().request(Method::from_bytes(method.as_bytes()).unwrap(), url);
            let request = request.bearer_auth(&token).header("content-type", "application/json").body(body);
            let response = request.send().await.unwrap();
            let (status, body) = (response.status().as_u16(), response.text().await.unwrap());
            let context = format!("{subject:?}: {method} {rest}: {status} {body}");
            match (method, rest.as_str()) {
                ("GET", "") => assert_eq!((status, body.as_str()), (200, "[]"), "{context}"),
                ("POST", "") => assert_eq!((status, body.as_str()), (401, REFUSAL), "{context}"),
                (_, rest) if rest.contains(&task["id"].to_string()) => assert_eq!(status, 404, "{context}"),
                _ => assert_eq!(status, 200, "{context}"),
            }
        }
        let at_ann = Client::new().get(server.url(&ann.tasks(""))).bearer_auth(&token).send().await.unwrap();
        assert_eq!(at_ann.status(), 403, "{subject:?}");
    }
    for form in &forms {
        let mut url = Url::parse(&server.url("/api")).unwrap();
        url.path_segments_mut().unwrap().push(form).push("tasks");
        let response = Client::new().get(url).bearer_auth(&ann.token).send().await.unwrap();
        assert_eq!(response.status(), 403, "{form:?}");
    }
    assert_eq!(ann.list().await, json!([task]));
}

/// The id of a key is the `kid` of its tokens. Requests are counted in the database meanwhile.
async fn tokens_are_signed_with_keys_of_the_table(tables: Tables) {
    let variables = [
        ("JWT_ALGORITHM", "EdDSA"),
        ("TASKBRIDGE__RATE_LIMIT__ENABLED", "on"),
        ("TASKBRIDGE__RATE_LIMIT__STORAGE", "database"),
    ];
    let server = tables.start(&variables);
    let auth = Peer::taskbridge(&server).with_origin(&server.origin);
    let ann = User::sign_up(&server, "ann").await;
    let kids = async || -> Vec<Value> {
        let keys = auth.get("/jwks", "").await.body;
        items(&keys["keys"]).iter().map(|key| key["kid"].clone()).collect()
    };
    let first = kids().await;
    assert_eq!(first.len(), 1);
    tables.assert_id(&first[0]);
    assert_eq!(ann.list().await, json!([]));
    let keys = |arguments: &[&str]| {
        let variables = [("DATABASE_URL", tables.url.as_str()), ("JWT_ALGORITHM", "EdDSA")];
        let (succeeded, output) = run(server.folder(), &[&["keys"], arguments].concat(), &variables);
        assert!(succeeded, "{output}");
        output
    };
    assert!(keys(&["rotate"]).starts_with("created "));
    let both = kids().await;
    assert_eq!(both.len(), 2);
    for kid in &both {
        tables.assert_id(kid);
    }
    assert_eq!(ann.list().await, json!([]), "the old key verifies");
    let again = server.again();
    assert_eq!(User::sign_up(&again, "ben").await.list().await, json!([]), "the new key signs");
    let withdrawn = keys(&["withdraw", first[0].as_str().unwrap()]);
    assert!(withdrawn.starts_with("withdrew 1 key"), "{withdrawn}");
    assert_eq!(tables.count(r#""jwks" where "expiresAt" = 'epoch'"#), "1");
    assert_ne!(tables.count(r#""rateLimit" where "count" > 0"#), "0");
}

/// In bridge mode, the tokens of Better Auth are accepted, and tasks belong to the users in the database.
async fn a_bridge_accepts_the_ids_of_its_database(tables: Tables) {
    let auth_server = tables.start(&[]);
    let ann = User::sign_up(&auth_server, "ann").await;
    let task = ann.add(json!({ "title": "of Ann" })).await;
    let bridge = tables.start(&[("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", &auth_server.origin)]);
    let ask = async |subject: &str| {
        let mut url = Url::parse(&bridge.url("/api")).unwrap();
        url.path_segments_mut().unwrap().push(subject).push("tasks");
        let token = Forge::of(&auth_server).token(subject);
        let response = Client::new().get(url).bearer_auth(token).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(ask(&ann.id).await, (200, json!([task])));
    for form in tables.other_forms(&ann.id) {
        assert_eq!(ask(&form).await, (200, json!([])), "{form:?}");
    }
}
