//! Databases that a real Better Auth created and filled: `tests/vectors/sqlite.sql` and `postgres.sql`.

use serde_json::{Value, json};
use support::better_auth::BetterAuth;
use support::pair::start_taskbridge;
use support::peer::APP;
use support::{Database, Peer};

const SQLITE: (&str, &str) = (include_str!("../vectors/sqlite.sql"), include_str!("../vectors/sqlite-users.json"));
const POSTGRES: (&str, &str) =
    (include_str!("../vectors/postgres.sql"), include_str!("../vectors/postgres-users.json"));

/// A recorded database, and its contents.
pub(crate) struct Recorded {
    pub(crate) database: Database,
    pub(crate) secret: String,
    users: Vec<Value>,
}

impl Recorded {
    /// Loads a recording into a database of each kind.
    pub(crate) fn of_each_kind() -> impl Iterator<Item = Self> {
        let dumps = [SQLITE, POSTGRES];
        Database::of_each_kind().into_iter().zip(dumps).map(|(database, (dump, known))| {
            database.load(dump);
            let known: Value = serde_json::from_str(known).unwrap();
            assert_eq!(known["baseURL"], APP);
            let users = known["users"].as_array().unwrap().clone();
            assert_eq!(users.len(), 4);
            Self { database, secret: known["secret"].as_str().unwrap().into(), users }
        })
    }

    fn user(&self, name: &str) -> &Value {
        self.users.iter().find(|user| user["email"] == format!("{name}@example.test")).unwrap()
    }

    /// Returns the cookie of a valid session.
    pub(crate) fn cookie(&self, name: &str, index: usize) -> &str {
        let session = &self.user(name)["sessions"][index];
        assert!(session["state"].as_str().unwrap().starts_with("alive"));
        session["cookie"].as_str().unwrap()
    }

    /// Asserts that every user can sign in with their password; a user without one is rejected like an unknown user.
    async fn has_its_passwords(&self, peer: &Peer) {
        for user in &self.users {
            for password in [&user["password"], &user["passwordAlso"]].into_iter().filter_map(Value::as_str) {
                assert_eq!(differs(&peer.sign_in(user, password).await.user, user), None);
            }
            let wrong = peer.try_sign_in(&user["email"], "wrong horse battery").await;
            let nobody = peer.try_sign_in(&json!("nobody@example.test"), "wrong horse battery").await;
            assert_eq!(wrong.refusal(), (401, "INVALID_EMAIL_OR_PASSWORD"));
            assert_eq!((wrong.status, wrong.body), (nobody.status, nobody.body), "{user}");
        }
    }

    /// Asserts that every session is valid, except expired ones and those with the tokens in `over`.
    async fn has_its_sessions_but(&self, over: &[&Value], peer: &Peer) {
        let (mut alive, mut dead) = (0, 0);
        for user in &self.users {
            for session in user["sessions"].as_array().unwrap() {
                let found = peer.get_session(session["cookie"].as_str().unwrap()).await;
                if session["state"] == "expired" || over.contains(&&session["token"]) {
                    assert_eq!(found, Value::Null, "{session}");
                    dead += 1;
                } else {
                    assert_eq!(found["session"]["token"], session["token"]);
                    assert_eq!(differs(&found["user"], user), None);
                    alive += 1;
                }
            }
        }
        assert_eq!((alive, dead), (4 - over.len(), 1 + over.len()));
    }
}

/// Returns the first field of a user that differs from the recording.
fn differs<'a>(user: &'a Value, recorded: &Value) -> Option<&'a String> {
    user.as_object().unwrap().iter().find(|(name, value)| *value != &recorded[*name]).map(|(name, _)| name)
}

/// Runs against Taskbridge, then against a Better Auth, where sessions that ended stay ended.
#[tokio::test]
async fn a_recorded_database_goes_on_here_and_then_there() {
    for recorded in Recorded::of_each_kind() {
        let secret = ("BETTER_AUTH_SECRET", recorded.secret.as_str());
        let server = start_taskbridge(&recorded.database, &[secret]);
        let ours = Peer::taskbridge(&server);
        recorded.has_its_sessions_but(&[], &ours).await;
        recorded.has_its_passwords(&ours).await;

        let signed_out = &recorded.user("alice")["sessions"][1]["token"];
        let answer = ours.post("/sign-out", recorded.cookie("alice", 1), json!({})).await;
        assert_eq!(answer.body, json!({ "success": true }));
        let revoked = &recorded.user("bob")["sessions"][1]["token"];
        let bob = ours.sign_in(recorded.user("bob"), "bob-ünïcödé-ﬁ-2").await;
        let answer = ours.post("/revoke-session", &bob.cookie, json!({ "token": revoked })).await;
        assert_eq!(answer.body, json!({ "status": true }));
        recorded.has_its_sessions_but(&[signed_out, revoked], &ours).await;

        let theirs = BetterAuth::on(&recorded.database, &[secret]);
        assert!(theirs.made.is_empty(), "{:?}", theirs.made);
        let theirs = Peer::better_auth(&theirs);
        recorded.has_its_sessions_but(&[signed_out, revoked], &theirs).await;
        recorded.has_its_passwords(&theirs).await;
    }
}

/// With a different secret, passwords still work, but no session is valid.
#[tokio::test]
async fn a_recorded_database_has_no_sessions_for_another_secret() {
    for recorded in Recorded::of_each_kind() {
        let server = start_taskbridge(&recorded.database, &[]);
        let ours = Peer::taskbridge(&server);
        assert_eq!(ours.get_session(recorded.cookie("alice", 0)).await, Value::Null);
        assert_eq!(ours.sign_in(recorded.user("alice"), "alice-password-1").await.user["name"], "Alice Example");
    }
}
