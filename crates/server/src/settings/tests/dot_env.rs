//! Tests of the `.env` files. `tests/dot_env.rs` compares the same table with `@next/env` itself.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde::Deserialize;
use tempfile::TempDir;

use super::super::dot_env::{self, DotEnv};

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
    dotenv: Variables,
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

/// Reads the files in `folder`. Warnings are about `SECRET`, `BETTER_AUTH_SECRET` and `PORT`.
fn read(folder: &Path, environment: &Variables) -> DotEnv {
    let is_ours = |name: &str| ["SECRET", "BETTER_AUTH_SECRET", "PORT"].contains(&name);
    dot_env::read(folder, environment, is_ours).unwrap()
}

/// Reads a file named `.env`.
fn read_file(text: &str, environment: &Variables) -> DotEnv {
    read(folder_with(&[(".env", text.as_bytes())]).path(), environment)
}

fn values(found: &DotEnv) -> Variables {
    found.variables.iter().map(|(name, variable)| (name.clone(), variable.value.clone())).collect()
}

#[test]
fn values_are_those_that_next_js_reads() {
    let Table { environment, cases } = serde_json::from_str(TABLE).unwrap();
    assert!(cases.len() >= 100);
    for Case { file, next, .. } in cases {
        assert_eq!(values(&read_file(&file, &environment)), next, "{file:?}");
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
            let found = read(folder.path(), &environment);
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
    let found = read(folder.path(), &environment(&[("PORT", "3")]));
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
    let found = read(folder.path(), &Variables::new());
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
    let DotEnv { variables, warnings } = read(folder.path(), &Variables::new());
    assert_eq!(variables.values().map(|variable| variable.value.as_str()).collect::<Vec<_>>(), ["2", "3"]);
    let [encoding, unreadable, endless] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(encoding.contains(".env.production.local is UTF-16"), "{encoding}");
    assert!(unreadable.contains("cannot read .env.local"), "{unreadable}");
    assert!(unreadable.ends_with("; replace or remove the file"), "{unreadable}");
    assert!(endless.contains(".env.production, line 2: B refers to itself"), "{endless}");
    assert!(!warnings.concat().contains("hunter2"));
    fs::remove_file(folder.path().join(".env")).unwrap();
    fs::create_dir(folder.path().join(".env")).unwrap();
    let DotEnv { variables, warnings } = read(folder.path(), &Variables::new());
    assert!(variables.is_empty() && warnings.last().unwrap().starts_with(".env is a directory"), "{warnings:?}");
}

/// A value that would grow without end, and one that would grow to the size of the memory.
#[test]
fn endless_references_end_soon() {
    for file in ["A=a$A", "A=$B$B\nB=$A$A", "A=x$`$A", "A=x$B\nB=$C\nC=$A"] {
        let found = read_file(file, &Variables::new());
        assert!(found.variables.is_empty() && found.warnings.len() == 1, "{file}: {found:?}");
    }
}

/// There is a warning for each value that `dotenv` reads differently. No warning shows a value.
#[test]
fn differences_from_dotenv_are_reported() {
    const NAME: &str = "BETTER_AUTH_SECRET";
    let Table { environment, cases } = serde_json::from_str(TABLE).unwrap();
    for Case { file, next, dotenv } in cases.into_iter().filter(|case| case.next.contains_key(NAME)) {
        let DotEnv { warnings, .. } = read_file(&file, &environment);
        let is_reported = warnings.iter().any(|warning| warning.contains("dotenv reads"));
        assert_eq!(is_reported, next[NAME] != dotenv[NAME], "{file:?}: {warnings:?}");
        assert!(!warnings.concat().contains("abc"), "{warnings:?}");
    }
}

/// The advice is the first way to write the value that all readers read alike.
#[test]
fn differences_come_with_advice() {
    const NO_DOLLAR: &str = "all of them read the same if it has no $";
    const SINGLE: &str = "write the value in single quotes";
    const DOUBLE: &str = "write the value in double quotes";
    const NONE: &str = "write the value without quotes";
    for (value, lengths, advice) in [
        ("abc#def", "has 3 characters, as in Next.js, but Docker Compose reads 7 characters", SINGLE),
        ("`abc#def`", "has 7 characters, as in Next.js, but Docker Compose reads 9 characters", SINGLE),
        ("`it's \"a\"`", "Docker Compose reads 10 characters", "it has no quotes, backslashes and line breaks"),
        ("abc$", "has 4 characters, as in Next.js, but Docker Compose rejects the file", SINGLE),
        ("abc$def", "has 3 characters, as in Next.js, but dotenv reads 7 characters;", NO_DOLLAR),
        ("'abc$def'", "but dotenv reads 7 characters and Docker Compose reads 7 characters", NO_DOLLAR),
        (
            "abc\\$def",
            "has 7 characters, as in Next.js, but dotenv reads 8 characters and Docker Compose reads 4",
            NO_DOLLAR,
        ),
        ("\"abc\\$def\"", "has 7 characters, as in Next.js, but dotenv reads 8 characters;", NO_DOLLAR),
        (
            "$$$$abc",
            "has 3 characters, as in Next.js, but dotenv reads 7 characters and Docker Compose reads 5",
            NO_DOLLAR,
        ),
        ("${USER}:${NONE:-b}", "has 5 characters, as in Next.js, but dotenv reads 18 characters;", NO_DOLLAR),
        (
            "${USER+b}",
            "has 6 characters, as in Next.js, but dotenv reads 9 characters and Docker Compose reads 1 character;",
            NO_DOLLAR,
        ),
        ("${NONE?b}", "Docker Compose rejects the file", NO_DOLLAR),
        ("'a'b'", "Docker Compose reads 1 character;", NONE),
        ("'abc", "Docker Compose rejects the file", DOUBLE),
        ("'a\\'b'", "has 4 characters, as in Next.js, but Docker Compose reads 3 characters", NONE),
        ("\"a\\tb\"", "has 4 characters, as in Next.js, but Docker Compose reads 3 characters", NONE),
        ("#", "has 0 characters, as in Next.js, but Docker Compose reads 1 character;", SINGLE),
    ] {
        let file = format!("# a file\n\nSECRET={value}\n");
        let DotEnv { warnings, .. } = read_file(&file, &environment(&[("USER", "ann")]));
        let [warning] = warnings.as_slice() else { panic!("{value}: {warnings:?}") };
        assert!(warning.starts_with(".env, line 3: SECRET has "), "{warning}");
        assert!(warning.contains(lengths) && warning.contains(advice), "{value}: {warning}");
    }
    for value in
        ["abc", "'abc#def'", "\"abc # def\" # comment", "'abc$'", "a\\nb", "\"a\\nb\"", "'say \"a\"'", "ab+/c==", ""]
    {
        let found = read_file(&format!("SECRET={value}\n"), &Variables::new());
        assert!(found.warnings.is_empty(), "{value}: {:?}", found.warnings);
    }
}

/// Only one warning is about a variable that several files have: about the value that counts.
#[test]
fn only_our_variables_cause_warnings() {
    let folder = folder_with(&[(".env.local", b"SECRET=a$b\n"), (".env", b"SECRET=c$d\nAPP=e$f\nnot a line\n")]);
    let DotEnv { warnings, .. } = read(folder.path(), &Variables::new());
    assert!(warnings.len() == 1 && warnings[0].starts_with(".env.local, line 1: SECRET"), "{warnings:?}");
}

#[test]
fn ignored_lines_with_our_variables_cause_warnings() {
    let file = "# SECRET=1\n\nset SECRET=hunter2\nexport SECRET\nMY_SECRET\nA='\nSECRET\n'\nPORT 80\nPORT=81\n";
    let DotEnv { variables, warnings } = read_file(file, &Variables::new());
    assert_eq!(variables["PORT"].value, "81");
    let lines: Vec<_> =
        warnings.iter().map(|warning| warning.split(" is ignored, as in Next.js").next().unwrap()).collect();
    let named = ["line 3, which contains SECRET,", "line 4, which contains SECRET,", "line 9, which contains PORT,"];
    assert_eq!(lines, named.map(|line| format!(".env, {line}")));
}

/// Next.js expands the value in the environment if a file sets the variable, too.
#[test]
fn a_value_in_the_environment_is_never_expanded() {
    let outside = environment(&[("SECRET", "a$b"), ("OTHER", "a$b"), ("PORT", "1")]);
    let DotEnv { variables, warnings } = read_file("\nSECRET=c\nOTHER=d\nPORT=2\n", &outside);
    assert!(variables.is_empty());
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(warning.starts_with("SECRET in the environment has a $, and .env, line 2, sets it, too"), "{warning}");
}
