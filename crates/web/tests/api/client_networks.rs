//! The network of the client, which decides about the turns of the passwords that wait to be hashed.

use std::net::SocketAddr;

use serde_json::json;
use taskbridge_domain::client_network::ClientNetwork;
use taskbridge_domain::ports::{Credential, HashError};
use taskbridge_domain::testing::fixtures::{session, user};
use taskbridge_domain::users::PasswordHash;
use taskbridge_web::{ForwardedHeader, TrustedProxies};

use crate::support::{Ports, anonymous};

/// Returns mocked ports that know ann, her session and her password. The hasher is too busy, and asserts that it is
/// called for a client with this address.
fn busy_for(address: Option<&str>) -> Ports {
    let expected = ClientNetwork::of(address.map(|address| address.parse().unwrap()));
    let mut ports = Ports::new();
    let stored = || Some(PasswordHash::new("stored".into()));
    ports.sessions.expect_find().returning(|_| Ok(Some((session("ann"), user("ann")))));
    ports.identity.expect_find_password().returning(move |_| Ok(stored()));
    ports.identity.expect_find_credential().returning(move |email| {
        let is_ann = email.as_str() == "ann@example.test";
        Ok(is_ann.then(|| Credential { user: user("ann"), password: stored() }))
    });
    let hasher = &mut ports.hasher;
    hasher.expect_verify().withf(move |client, _, _| *client == expected).returning(|_, _, _| Err(HashError::Busy));
    hasher.expect_hash().withf(move |client, _| *client == expected).returning(|_, _| Err(HashError::Busy));
    ports
}

#[actix_web::test]
async fn each_endpoint_with_a_password_names_the_network_of_the_client() {
    let ann = json!({ "email": "ann@example.test", "password": "correct horse" });
    let bob = json!({ "name": "Bob", "email": "bob@example.test", "password": "correct horse" });
    let change = json!({ "newPassword": "new password", "currentPassword": "correct horse" });
    let confirmation = json!({ "password": "correct horse" });
    for (path, body) in [
        ("/sign-in/email", &ann),
        ("/sign-up/email", &bob),
        ("/change-password", &change),
        ("/verify-password", &confirmation),
        ("/delete-user", &confirmation),
    ] {
        for (peer, forwarded, address) in [
            ("192.0.2.1", "198.51.100.1", Some("192.0.2.1")),
            ("2001:db8:1:2::1", "198.51.100.1", Some("2001:db8:1:2::")),
            ("10.1.1.1", "198.51.100.1", Some("198.51.100.1")),
            ("10.1.1.1", "unknown", None),
        ] {
            let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()], ForwardedHeader::XForwardedFor);
            let ports = Ports { trusted_proxies: proxies, ..busy_for(address) };
            let request = anonymous("POST", &format!("/api/auth{path}"))
                .peer_addr(SocketAddr::new(peer.parse().unwrap(), 1234))
                .insert_header(("authorization", "Bearer token-of-ann"))
                .insert_header(("content-type", "application/json"))
                .insert_header(("x-forwarded-for", forwarded));
            let answer = ports.answer(request.set_payload(body.to_string())).await;
            assert_eq!(answer.verdict(), (503, "SERVICE_UNAVAILABLE".into()), "{path} from {peer}: {}", answer.body);
        }
    }
}
