//! Bridge mode: the tasks of users who sign in to the app with its JWT plugin.

use reqwest::Client;
use serde_json::{Value, json};
use support::peer::APP;
use support::{Database, Server};

use crate::apps::{App, NEWEST};
use crate::checks::Member;

/// The releases whose tokens are tested, as packages.
pub(crate) const RELEASES: [&str; 8] = [
    "better-auth-1-2",
    "better-auth-1-3",
    "better-auth-1-4",
    "better-auth-1-6",
    "better-auth-1-7-0",
    "better-auth-1-7-2",
    "better-auth-1-7",
    NEWEST,
];

/// The default token of each release is verified with the keys that the app publishes, with the tasks in a database of
/// their own and in the database of the app.
#[tokio::test]
async fn tokens_of_the_jwt_plugin_of_each_release_are_accepted() {
    for release in RELEASES {
        let apps = Database::postgres();
        let app = App::open(release, "kysely", &apps.url).await;
        let ann = Member::sign_up(&app.peer).await;
        let bob = Member::sign_up_as("bob", &app.peer).await;
        let keys = format!("{}/api/auth/jwks", app.peer.base);
        let own = Database::postgres();
        for database in [&own, &apps] {
            let server = Server::start_with(&[
                ("AUTH_MODE", "bridge"),
                ("BETTER_AUTH_URL", APP),
                ("BETTER_AUTH_SECRET", ""),
                ("JWKS_URL", &keys),
                ("DATABASE_URL", &database.url),
            ]);
            let http = Client::new();
            let tasks = |member: &Member| server.url(&format!("/api/{}/tasks", member.id()));
            let task = json!({ "title": "Buy milk" });
            let added = http.post(tasks(&ann)).bearer_auth(&ann.token).json(&task).send().await.unwrap();
            assert_eq!(added.status(), 201, "{release}: {}", server.log.text());
            let added: Value = added.json().await.unwrap();
            let listed = http.get(tasks(&ann)).bearer_auth(&ann.token).send().await.unwrap();
            assert_eq!(listed.json::<Value>().await.unwrap(), json!([added]), "{release}");
            let of_another = http.get(tasks(&ann)).bearer_auth(&bob.token).send().await.unwrap();
            assert_eq!(of_another.status(), 403, "{release}");
        }
    }
}
