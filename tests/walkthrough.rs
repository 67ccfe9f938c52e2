//! The walk-through in the README and in docs/api.md prints the output that the pages show: a shell runs its commands
//! against the real binary. And the links between pages lead somewhere.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::Server;

const README: &str = include_str!("../README.md");
const API: &str = include_str!("../docs/api.md");

/// Returns the fenced blocks of the section with this heading: each language with its text.
fn blocks(page: &str, heading: &str) -> Vec<(String, String)> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let fences: Vec<_> = section.split("```").collect();
    fences
        .chunks_exact(2)
        .map(|prose_and_block| {
            let (language, text) = prose_and_block[1].split_once('\n').unwrap();
            (language.to_owned(), text.to_owned())
        })
        .collect()
}

/// Replaces what differs in each run: dates, and ids and session tokens of 32 letters and digits.
fn without_ids_and_dates(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || "-:.".contains(c);
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(word) {
        let end = rest[start..].find(|c| !word(c)).map_or(rest.len(), |length| start + length);
        let found = &rest[start..end];
        result.push_str(&rest[..start]);
        result.push_str(match found {
            _ if found.len() == 32 && found.chars().all(|c| c.is_ascii_alphanumeric()) => "<id>",
            _ if found.len() == 24 && found.ends_with('Z') && found.contains('T') => "<date>",
            _ => found,
        });
        rest = &rest[end..];
    }
    result + rest
}

#[test]
fn the_commands_of_the_walk_through_print_the_documented_output() {
    let server = Server::start();
    let blocks = [blocks(README, "Try it"), blocks(API, "Walk-through")].concat();
    assert!(blocks.len() >= 10 && blocks.len().is_multiple_of(2), "commands and output take turns");
    assert!(blocks.iter().zip(["sh", "text"].iter().cycle()).all(|((language, _), expected)| language == expected));
    let (commands, outputs): (Vec<_>, Vec<_>) =
        blocks.chunks_exact(2).map(|pair| (pair[0].1.as_str(), pair[1].1.as_str())).unzip();
    // A single shell keeps variables; a separator follows the output of each block.
    let script = commands.join("echo; echo =====\n").replace("http://localhost:8000", &server.base);
    let expected = outputs.join("=====\n");
    let run = Command::new("sh").args(["-eu", "-c", &script]).current_dir(server.folder()).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let output = String::from_utf8(run.stdout).unwrap().replace("\n\n", "\n");
    assert_eq!(without_ids_and_dates(output.trim_end()), without_ids_and_dates(expected.trim_end()));
}

/// `make run` prints the same commands, with its own port.
#[test]
fn make_run_shows_the_readmes_commands() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/walkthrough.sh");
    let shown = Command::new("sh").args([script, "9000"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let commands: Vec<_> = blocks(README, "Try it").into_iter().filter(|(language, _)| language == "sh").collect();
    assert!(!commands.is_empty());
    for (_, block) in commands {
        assert!(shown.contains(&block.replace("localhost:8000", "localhost:9000")), "{block}");
    }
}

/// The text of a page without its code blocks.
fn prose(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap();
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// The targets of the links on a page, without the links to other sites.
fn links(page: &Path) -> Vec<String> {
    let prose = prose(page);
    let targets = prose.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0.to_owned());
    targets.filter(|target| !target.contains("://")).collect()
}

/// The anchors that GitHub gives to the headings of a page.
fn anchors(page: &Path) -> Vec<String> {
    let prose = prose(page);
    let headings = prose.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches(['#', ' ']));
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|&c| c.is_alphanumeric() || c == '-' || c == '_').collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn links_between_pages_lead_to_files_and_headings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let markdown = |folder: &str| fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let folders = ["", "docs", "bench", "examples/nextjs"].into_iter().flat_map(markdown);
    let pages: Vec<PathBuf> =
        folders.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    assert!(pages.len() >= 18, "{pages:?}");
    for page in &pages {
        for link in links(page) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", page.display());
            assert!(
                anchor.is_empty() || anchors(&target).iter().any(|there| there == anchor),
                "{}: {link}",
                page.display()
            );
        }
    }
}
