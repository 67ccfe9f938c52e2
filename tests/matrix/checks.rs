//! Assertions about the users of an app.

use reqwest::Client;
use serde_json::{Value, json};
use support::peer::Session;
use support::server::{SECRET, refuse_to_start};
use support::user::PASSWORD;
use support::{Database, Peer, Server};

use crate::apps::verified;

/// The releases that accept bearer tokens with a signature only if the signature is percent-encoded.
const WITH_ENCODED_TOKENS: [&str; 3] = ["better-auth-1-2", "better-auth-1-3", "better-auth-1-4"];

/// A user, and what their browser and their devices hold.
pub(crate) struct Member {
    user: Value,
    password: &'static str,
    /// A session in each of its forms.
    session: Session,
    /// An access token.
    pub(crate) token: String,
}

impl Member {
    /// Signs a user up at this auth server.
    pub(crate) async fn sign_up(peer: &Peer) -> Self {
        Self::sign_up_as("ann", peer).await
    }

    /// Signs a user up under this name, which is new there.
    pub(crate) async fn sign_up_as(name: &str, peer: &Peer) -> Self {
        let session = peer.sign_up(name).await;
        let token = peer.jwt(&session.cookie).await;
        Self { user: session.user.clone(), password: PASSWORD, session, token }
    }

    /// Returns the id.
    pub(crate) fn id(&self) -> &str {
        self.user["id"].as_str().unwrap()
    }
}

/// A user of the app continues at Taskbridge: by cookie, by bearer token, by access token, and by password, which they
/// change.
pub(crate) async fn continues(member: Member, ours: &Peer, theirs: &Peer, server: &Server) -> Member {
    is_signed_in(&member, ours, theirs).await;
    assert_eq!(status_of_tasks(server, &member, &member.token).await, 200);
    let token = ours.jwt(&member.session.cookie).await;
    let (new, old) = (verified(&token, theirs).await, verified(&member.token, ours).await);
    // The key of the app signs on.
    assert_eq!(new["header"], old["header"]);
    assert_eq!(new["claims"]["sub"], member.user["id"]);
    assert_eq!(status_of_tasks(server, &member, &token).await, 200);

    let changed = "another horse battery";
    let again = ours.sign_in(&member.user, PASSWORD).await;
    assert_eq!(again.user["id"], member.user["id"]);
    let change = json!({ "currentPassword": PASSWORD, "newPassword": changed });
    let answer = ours.post("/change-password", &again.cookie, change).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(theirs.try_sign_in(&member.user["email"], PASSWORD).await.status, 401);
    let there = theirs.sign_in(&member.user, changed).await;

    // Each server sees that the other has ended a session.
    assert_eq!(ours.post("/sign-out", &there.cookie, json!({})).await.body, json!({ "success": true }));
    assert_eq!(theirs.get_session(&there.cookie).await, Value::Null);
    assert_eq!(theirs.post("/sign-out", &again.cookie, json!({})).await.body, json!({ "success": true }));
    assert_eq!(ours.get_session(&again.cookie).await, Value::Null);

    let renamed = ours.post("/update-user", &member.session.cookie, json!({ "name": "Ann Lee" })).await;
    assert_eq!(renamed.status, 200, "{}", renamed.body);
    assert_eq!(theirs.get_session(&member.session.cookie).await["user"]["name"], "Ann Lee");
    Member { password: changed, token, ..member }
}

/// A user signs up at Taskbridge and is known to the app. Their id is of the form that the app uses.
pub(crate) async fn begins(ours: &Peer, theirs: &Peer, server: &Server) -> Member {
    let member = Member::sign_up(ours).await;
    is_signed_in(&member, theirs, ours).await;
    assert_eq!(theirs.sign_in(&member.user, PASSWORD).await.user["id"], member.user["id"]);
    assert_eq!(verified(&member.token, theirs).await["claims"]["sub"], member.user["id"]);
    let token = theirs.jwt(&member.session.cookie).await;
    assert_eq!(status_of_tasks(server, &member, &token).await, 200);
    let task = Client::new().post(tasks(server, &member)).bearer_auth(&token).json(&json!({ "title": "Buy milk" }));
    assert_eq!(task.send().await.unwrap().status(), 201);
    let listed = ours.get("/list-sessions", &member.session.cookie).await;
    assert_eq!(listed.body.as_array().unwrap().len(), 2, "{}", listed.body);
    member
}

/// A user of the app deletes their account at Taskbridge.
pub(crate) async fn ends(ours: &Peer, theirs: &Peer) {
    let carl = theirs.sign_up("carl").await;
    let deleted = ours.post("/delete-user", &carl.cookie, json!({ "password": PASSWORD })).await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    assert_eq!(theirs.get_session(&carl.cookie).await, Value::Null);
    assert_eq!(theirs.try_sign_in(&carl.user["email"], PASSWORD).await.status, 401);
}

/// A user who was at Taskbridge uses the app again.
pub(crate) async fn is_back(member: &Member, app: &Peer) {
    assert_eq!(app.get_session(&member.session.cookie).await["user"]["id"], member.user["id"]);
    assert_eq!(app.sign_in(&member.user, member.password).await.user["id"], member.user["id"]);
    let key = verified(&member.token, app).await["header"]["kid"].clone();
    assert_eq!(verified(&app.jwt(&member.session.cookie).await, app).await["header"]["kid"], key);
}

/// The session is valid at `here` in each of its forms, and is the same as at `there`.
async fn is_signed_in(member: &Member, here: &Peer, there: &Peer) {
    let seen = here.get_session(&member.session.cookie).await;
    assert_eq!(seen["user"]["id"], member.user["id"]);
    let other = there.get_session(&member.session.cookie).await;
    for part in ["user", "session"] {
        // Releases differ in the optional fields that they return.
        for name in ["id", "email", "name", "createdAt", "updatedAt", "expiresAt", "userId", "token"] {
            assert_eq!(seen[part][name], other[part][name], "{part}.{name}");
        }
    }
    for bearer in [&member.session.bearer, &member.session.token] {
        let bearer = if WITH_ENCODED_TOKENS.contains(&here.name) { encoded(bearer) } else { bearer.clone() };
        assert_eq!(here.get_as_bearer("/get-session", &bearer).await.body["user"]["id"], member.user["id"], "{bearer}");
    }
}

/// Percent-encodes the characters of Base64, as these releases do in `set-auth-token`.
fn encoded(bearer: &str) -> String {
    bearer.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn tasks(server: &Server, member: &Member) -> String {
    server.url(&format!("/api/{}/tasks", member.id()))
}

async fn status_of_tasks(server: &Server, member: &Member, token: &str) -> u16 {
    Client::new().get(tasks(server, member)).bearer_auth(token).send().await.unwrap().status().as_u16()
}

/// The server does not start on this database, and its message contains these texts.
pub(crate) fn is_refused(database: &Database, next: &[&str]) {
    let settings =
        [("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", &database.url), ("TASKBRIDGE__LOG__FORMAT", "text")];
    let (status, message) = refuse_to_start(&settings);
    assert!(!status.success(), "{message}");
    for text in next {
        assert!(message.contains(text), "{text} is not in: {message}");
    }
}
