//! `deploy/compose.yaml`. No container is started here: the file is checked with Debian's `docker-compose`, and the
//! settings of the service with Taskbridge.

use std::fs;
use std::process::Command;

use serde_json::Value;
use support::page;
use support::server::{run, shell};

use super::{output, read, repository};

const FILE: &str = "deploy/compose.yaml";

/// Returns the file as JSON.
pub(super) fn compose() -> Value {
    let convert = "import json, sys, yaml; json.dump(yaml.safe_load(sys.argv[1]), sys.stdout)";
    let (valid, json, errors) = output(Command::new("/usr/bin/python3").args(["-c", convert, &read(FILE)]));
    assert!(valid, "{errors}");
    serde_json::from_str(&json).unwrap()
}

#[test]
fn the_file_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    // The schema of Debian's docker-compose, 1.29, is older than this key.
    let (before, after) =
        read(FILE).split_once("name: taskbridge\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    fs::write(&file, before + &after).unwrap();
    let mut compose = Command::new("docker-compose");
    compose.arg("--project-directory").arg(repository("deploy")).arg("--file").arg(file);
    let (valid, _, errors) = output(compose.arg("config"));
    assert!(valid, "{errors}");
}

#[test]
fn each_service_is_confined_and_checked() {
    for (name, service) in compose()["services"].as_object().unwrap() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"][0], "ALL", "{name}");
        assert_eq!(service["security_opt"][0], "no-new-privileges:true", "{name}");
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert!(service["mem_limit"].is_string(), "{name}");
        // The image of Taskbridge contains its health check.
        assert!(service["healthcheck"].is_object() || name == "taskbridge", "{name}");
        assert!(service["ports"].is_null() || name == "app", "{name}");
    }
    assert!(read("deploy/Dockerfile").contains("CMD [\"taskbridge\", \"health\"]"));
}

/// cargo reads the manifests of all members of the workspace.
#[test]
fn the_context_of_the_image_contains_all_manifests() {
    let (workspace, context) = (read("Cargo.toml"), read(".dockerignore"));
    let members = workspace.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members: Vec<String> = serde_json::from_str(members).unwrap();
    assert!(members.len() > 5);
    for member in members {
        let (folder, _) = member.split_once('/').unwrap_or((&member, ""));
        let ways = [format!("!{folder}"), format!("!{member}"), format!("!{member}/Cargo.toml")];
        let included = context.lines().any(|line| ways.iter().any(|included| line == included));
        assert!(included, "{member}");
    }
}

/// Returns a value of a network's first range of addresses.
fn address_range(compose: &Value, network: &str, key: &str) -> String {
    compose["networks"][network]["ipam"]["config"][0][key].as_str().unwrap().to_owned()
}

#[test]
fn the_services_find_each_other() {
    let compose = compose();
    let (app, taskbridge) = (&compose["services"]["app"], &compose["services"]["taskbridge"]);
    assert_eq!(app["environment"]["TASKBRIDGE_URL"], "http://taskbridge:8000");
    assert!(read("deploy/Dockerfile").contains("EXPOSE 8000\n"));
    let address = app["networks"]["back"]["ipv4_address"].as_str().unwrap();
    let network = address_range(&compose, "back", "subnet");
    assert_eq!(network.strip_suffix("0/24"), Some(&address[..=address.rfind('.').unwrap()]));
    let proxies = format!("{address},{}", address_range(&compose, "front", "gateway"));
    assert_eq!(taskbridge["environment"]["TRUSTED_PROXIES"], proxies);
    assert_eq!(compose["networks"]["back"]["internal"], true);
}

/// With the secrets that the commands of the page create.
#[test]
fn taskbridge_accepts_the_settings_and_the_secrets() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("deploy")).unwrap();
    let page = read("docs/deploy.md");
    let create = page::commands(&page, "sh").into_iter().find(|block| block.contains("deploy/secrets")).unwrap();
    let (created, text) = shell(folder.path(), create, &[]);
    assert!(created, "{text}");

    let compose = compose();
    let secrets = compose["secrets"].as_object().unwrap();
    for (name, secret) in secrets {
        let file = folder.path().join("deploy").join(secret["file"].as_str().unwrap());
        assert!(file.is_file(), "{name}");
    }
    let service = &compose["services"]["taskbridge"];
    let secrets = folder.path().join("deploy/secrets/");
    let variables: Vec<_> = service["environment"].as_object().unwrap().iter().collect();
    let value = |value: &Value| {
        let value = value.as_str().unwrap().replace("/run/secrets/", secrets.to_str().unwrap());
        value.strip_prefix("${BETTER_AUTH_URL:-").map(|value| value.trim_end_matches('}').to_owned()).unwrap_or(value)
    };
    let variables: Vec<_> = variables.into_iter().map(|(name, text)| (name.as_str(), value(text))).collect();
    let mut given: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    given.push(("BETTER_AUTH_SECRET", ""));
    let (valid, text) = run(folder.path(), &["config", "check"], &given);
    assert!(valid, "{text}");
    assert!(text.contains("database.url = postgres://postgres:5432/taskbridge,"), "{text}");
    for (name, _) in variables {
        assert!(text.contains(&format!("{name} in the environment")), "{name}: {text}");
    }
}
