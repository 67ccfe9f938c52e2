//! The blocks of docs/operations.md. The comment above each names its drill, or says why it is not run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use support::page;
use support::server::shell;

pub(crate) const PAGE: &str = include_str!("../../docs/operations.md");

/// Returns the block below `<!-- drill: name -->`.
pub(crate) fn drill(name: &str) -> &'static str {
    let wanted = format!("drill: {name}");
    let found = page::blocks(PAGE).into_iter().find(|block| block.comment == Some(&wanted));
    found.unwrap_or_else(|| panic!("docs/operations.md has no drill {name}")).text
}

/// Runs the commands of a block in this folder, with only these variables, and returns what they print.
pub(crate) fn run(folder: &Path, commands: &str, variables: &[(&str, &str)]) -> String {
    let (succeeded, printed) = shell(folder, commands, variables);
    assert!(succeeded, "{commands}\n{printed}");
    printed
}

#[test]
fn every_block_is_run_by_a_drill_or_says_why_not() {
    let mut named = BTreeSet::new();
    for block in page::blocks(PAGE) {
        let comment = block.comment.unwrap_or_else(|| panic!("no comment above:\n{}", block.text));
        match comment.strip_prefix("drill: ") {
            Some(name) => assert!(named.insert(name.to_owned()), "{name} occurs twice"),
            None => assert!(comment.starts_with("not run: ") && block.language != "sh", "{comment}"),
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("operations");
    let sources = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let calls = concat!("drill", "(\"");
    let run = sources.flat_map(|source| {
        source.split(calls).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(named, run.collect());
}

/// A command in the text is one that a drill runs, so that it is known to work.
#[test]
fn commands_in_the_text_occur_in_a_block() {
    let blocks = page::blocks(PAGE);
    let prose = PAGE.split("\n```").step_by(2).collect::<Vec<_>>().join("\n");
    let spans = prose.split('`').skip(1).step_by(2);
    let programs = ["taskbridge ", "sqlite3 ", "psql ", "pg_dump ", "pg_restore ", "litestream ", "promtool "];
    let commands: Vec<_> = spans.filter(|span| programs.iter().any(|program| span.starts_with(program))).collect();
    assert!(commands.len() >= 3, "{commands:?}");
    for command in commands {
        let mut drills = blocks.iter().filter(|block| block.comment.is_some_and(|text| text.starts_with("drill: ")));
        assert!(drills.any(|drill| drill.text.lines().any(|line| line.contains(command))), "{command}");
    }
}
