//! Tests of the `.env` files. `tests/dot_env.rs` compares the same table with `@next/env` itself.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use serde::Deserialize;
use tempfile::TempDir;

use super::super::dot_env::{DotEnv, read};

/// What `@next/env` reads from many files.
const TABLE: &str = include_str!("../../../../../tests/vectors/dot-env.json");

type Variables = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Table {
    environment: Variables,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    next: Variables,
}

fn folder_with(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn environment(variables: &[(&str, &str)]) -> Variables {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn values(found: &DotEnv) -> Variables {
    found.variables.iter().map(|(name, variable)| (name.clone(), variable.value.clone())).collect()
}

#[test]
fn values_are_those_that_next_js_reads() {
    let Table { environment, cases } = serde_json::from_str(TABLE).unwrap();
    assert!(cases.len() >= 100);
    for Case { file, next } in cases {
        let folder = folder_with(&[(".env", file.as_bytes())]);
        assert_eq!(values(&read(folder.path(), &environment).unwrap()), next, "{file:?}");
    }
}

/// The mode is that of Next.js, where `next start` is the mode production.
#[test]
fn the_mode_selects_the_files() {
    const FILES: [&str; 9] = [
        ".env.production.local",
        ".env.development.local",
        ".env.test.local",
        ".env.staging",
        ".env.local",
        ".env.production",
        ".env.development",
        ".env.test",
        ".env",
    ];
    let production = [".env.production.local", ".env.local", ".env.production", ".env"];
    for (mode, expected) in [
        ("", &production[..]),
        ("production", &production),
        ("staging", &production),
        ("development", &[".env.development.local", ".env.local", ".env.development", ".env"]),
        ("test", &[".env.test.local", ".env.test", ".env"]),
    ] {
        let contents = FILES.map(|file| (file, format!("FROM={file}\nIN_{}=1\n", file.replace('.', "_"))));
        let mut files: Vec<_> = contents.iter().map(|(file, content)| (*file, content.as_bytes())).collect();
        let environment = environment(&[("NODE_ENV", mode)][usize::from(mode.is_empty())..]);
        for remaining in (0..expected.len()).rev() {
            let folder = folder_with(&files);
            let found = read(folder.path(), &environment).unwrap();
            // Without the files that have precedence, the next one wins.
            let first = expected[expected.len() - 1 - remaining];
            assert_eq!((found.variables["FROM"].file.as_str(), found.variables["FROM"].line), (first, 1), "{mode}");
            assert_eq!(found.variables.len(), 2 + remaining, "{mode}: {found:?}");
            files.retain(|(file, _)| *file != first);
        }
    }
}

/// A file can refer to the values of a file with precedence, and those of the environment are the first of all.
#[test]
fn files_share_their_values() {
    let folder =
        folder_with(&[(".env.local", b"HOST=local\nA=1\n"), (".env", b"HOST=other\nURL=$HOST:$PORT/$A\nPORT=2\n")]);
    let found = read(folder.path(), &environment(&[("PORT", "3")])).unwrap();
    let expected = [("A", "1"), ("HOST", "local"), ("URL", "local:3/1")];
    assert_eq!(values(&found), environment(&expected));
    assert_eq!((found.variables["URL"].file.as_str(), found.variables["URL"].line), (".env", 2));
}

#[test]
fn the_line_is_that_of_the_name() {
    let folder = folder_with(&[(
        ".env",
        b"\xEF\xBB\xBF# a\r\nA=\"1\r\n2\"\r\n\r\n  export B = 3\rC=4\nB=5\nnothing\nD=\n'6'\n",
    )]);
    let found = read(folder.path(), &Variables::new()).unwrap();
    let lines: Vec<_> = found.variables.iter().map(|(name, variable)| (name.as_str(), variable.line)).collect();
    assert_eq!(lines, [("A", 2), ("B", 7), ("C", 6), ("D", 9)]);
    assert_eq!((&*found.variables["A"].value, &*found.variables["D"].value), ("1\n2", "6"));
    assert!(found.warnings.is_empty());
}

/// Next.js reports these files, and starts without them.
#[test]
fn files_that_cannot_be_used_cause_warnings() {
    let utf16: Vec<u8> = "\u{feff}SECRET=hunter2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let folder = folder_with(&[
        (".env.production.local", &utf16),
        (".env.production", b"A=1\nB=x${B}hunter2\nSECRET=hunter2\n"),
        (".env", b"A=2\nB=3\n"),
    ]);
    symlink(".env.local", folder.path().join(".env.local")).unwrap();
    let DotEnv { variables, warnings } = read(folder.path(), &Variables::new()).unwrap();
    assert_eq!(variables.values().map(|variable| variable.value.as_str()).collect::<Vec<_>>(), ["2", "3"]);
    let [encoding, unreadable, endless] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(encoding.contains(".env.production.local is UTF-16"), "{encoding}");
    assert!(unreadable.contains("cannot read .env.local"), "{unreadable}");
    assert!(endless.contains(".env.production, line 2: B refers to itself"), "{endless}");
    assert!(!warnings.concat().contains("hunter2"));
    fs::remove_file(folder.path().join(".env")).unwrap();
    fs::create_dir(folder.path().join(".env")).unwrap();
    assert!(read(folder.path(), &Variables::new()).unwrap().variables.is_empty());
}

/// A value that would grow without end, and one that would grow to the size of the memory.
#[test]
fn endless_references_end_soon() {
    for file in ["A=a$A", "A=$B$B\nB=$A$A", "A=x$`$A", "A=x$B\nB=$C\nC=$A"] {
        let folder = folder_with(&[(".env", file.as_bytes())]);
        let found = read(folder.path(), &Variables::new()).unwrap();
        assert!(found.variables.is_empty() && found.warnings.len() == 1, "{file}: {found:?}");
    }
}
