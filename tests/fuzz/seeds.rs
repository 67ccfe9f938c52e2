//! Replays all seeds, which include every input that has ever failed.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test may panic, and say where")]

mod api;
mod body;
mod path;
mod token;

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let seeds: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(seeds.len() >= 10, "{} seeds", seeds.len());
    for seed in seeds {
        println!("{}", seed.display());
        check(&std::fs::read(seed).unwrap());
    }
}

#[test]
fn no_seed_breaks_a_rule_of_tokens() {
    replay("token", token::check);
}

#[test]
fn no_seed_breaks_a_rule_of_paths() {
    replay("path", path::check);
}

#[test]
fn no_seed_breaks_a_rule_of_bodies() {
    replay("body", body::check);
}
