//! Which crate may depend on which crates: dependencies point from the outer layers to the inner ones.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

mod import_circles;

/// Returns the direct dependencies of each package in the workspace, without those for tests and builds.
fn direct_dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let arguments = ["metadata", "--offline", "--no-deps", "--format-version", "1"];
    let metadata: Value = serde_json::from_slice(&cargo(&arguments)).unwrap();
    let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter().map(|package| {
        let dependencies = package["dependencies"].as_array().unwrap();
        (name(package), dependencies.iter().filter(|dependency| dependency["kind"].is_null()).map(name).collect())
    });
    packages.collect()
}

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Returns the output of `cargo tree`: all dependencies of a package and their features, without those for tests.
fn tree(package: &str) -> String {
    let arguments = ["tree", "--offline", "--prefix", "none", "--edges", "normal,features", "--package", package];
    String::from_utf8(cargo(&arguments)).unwrap()
}

/// Returns the names of all direct and indirect dependencies of a package.
fn all_dependencies(package: &str) -> BTreeSet<String> {
    tree(package).lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// A crate may only use the dependencies that are listed for its layer.
#[test]
fn each_layer_depends_on_what_it_may_and_on_nothing_else() {
    let allowed: [(&str, &[&str]); 5] = [
        (
            "taskbridge-domain",
            &["async-trait", "chrono", "futures-util", "mockall", "thiserror", "unicode-normalization"],
        ),
        (
            "taskbridge-web",
            &[
                "actix-web",
                "base64",
                "futures-core",
                "hmac",
                "ipnet",
                "percent-encoding",
                "prometheus-client",
                "serde",
                "serde_json",
                "sha2",
                "taskbridge-domain",
                "thiserror",
                "tokio",
                "tracing",
                "url",
                "utoipa",
                "utoipa-swagger-ui",
                "validator",
                "wildmatch",
            ],
        ),
        (
            "taskbridge-adapters",
            &[
                "async-trait",
                "base16ct",
                "base64",
                "bcrypt",
                "bytes",
                "chacha20poly1305",
                "chrono",
                "deadpool",
                "ed25519-dalek",
                "futures-util",
                "jsonwebtoken",
                "moka",
                "p256",
                "percent-encoding",
                "rand",
                "rustix",
                "rustls",
                "rustls-native-certs",
                "scrypt",
                "sea-orm",
                "serde",
                "serde_json",
                "sha2",
                "socket2",
                "sqlx",
                "strsim",
                "subtle",
                "taskbridge-domain",
                "taskbridge-schema",
                "thiserror",
                "tokio",
                "tokio-postgres",
                "tokio-postgres-rustls",
                "tracing",
                "ureq",
                "url",
                "uuid",
                "webpki-roots",
                "x509-cert",
            ],
        ),
        (
            "taskbridge-migrations",
            &["async-trait", "sea-orm-migration", "serde", "serde_json", "taskbridge-schema", "thiserror", "tokio"],
        ),
        ("taskbridge-schema", &["sea-orm", "thiserror", "uuid"]),
    ];
    let dependencies = direct_dependencies();
    for (package, allowed) in allowed {
        let forbidden: Vec<_> =
            dependencies[package].iter().filter(|dependency| !allowed.contains(&dependency.as_str())).collect();
        assert!(forbidden.is_empty(), "{package} must not depend on {forbidden:?}");
    }
}

/// Indirect dependencies count as well.
#[test]
fn no_layer_is_built_with_what_belongs_to_another() {
    let foreign: [(&str, &[&str]); 3] = [
        (
            "taskbridge-domain",
            &[
                "actix-web",
                "jsonwebtoken",
                "mockall",
                "reqwest",
                "ureq",
                "sea-orm",
                "serde",
                "serde_json",
                "sqlx",
                "tokio",
                "tokio-postgres",
            ],
        ),
        (
            "taskbridge-web",
            &[
                "jsonwebtoken",
                "mockall",
                "sea-orm",
                "sqlx",
                "taskbridge-adapters",
                "taskbridge-migrations",
                "taskbridge-schema",
                "tokio-postgres",
                "ureq",
            ],
        ),
        ("taskbridge-adapters", &["actix-web", "actix-http", "mockall", "taskbridge-migrations", "taskbridge-web"]),
    ];
    for (package, foreign) in foreign {
        let all = all_dependencies(package);
        assert!(all.contains(package));
        let found: Vec<_> = foreign.iter().filter(|name| all.contains(**name)).collect();
        assert!(found.is_empty(), "{package} is built with {found:?}");
    }
}

/// Mocks, fixtures and the list of routes are for tests only.
#[test]
fn the_program_is_built_without_what_is_for_tests() {
    let tree = tree("taskbridge-server");
    assert!(tree.contains("taskbridge-domain"));
    let for_tests =
        ["mockall", "taskbridge-domain feature \"testing\"", "actix-web feature \"experimental-introspection\""];
    for name in for_tests {
        assert!(!tree.contains(name), "the program is built with {name}");
    }
}

/// Only the composition root, and programs that add resources to it, depend on both sides.
#[test]
fn only_the_server_knows_web_and_adapters() {
    let both = |dependencies: &BTreeSet<String>| {
        dependencies.contains("taskbridge-web") && dependencies.contains("taskbridge-adapters")
    };
    let dependencies = direct_dependencies();
    let knowing: Vec<_> = dependencies.iter().filter(|(_, all)| both(all)).collect();
    for (name, all) in &knowing {
        let is_program = all.contains("taskbridge-server");
        assert!(*name == "taskbridge-server" || is_program, "{name} knows web and adapters");
    }
    assert!(knowing.iter().any(|(name, _)| *name == "taskbridge-server"));
}
