//! Pages of the documentation, as far as they can be run.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use crate::better_auth::{FOLDER, node};

/// What stands in a fence, after its language.
struct Block<'a> {
    language: &'a str,
    text: &'a str,
}

impl Block<'_> {
    /// The comment in its first line, if that is one: the name of a file.
    fn name(&self) -> Option<&str> {
        let first = self.text.lines().next()?;
        first.starts_with(['/', '#']).then(|| first.trim_start_matches(['/', '#', ' ']))
    }
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut pieces = page.split("```");
    let mut blocks = Vec::new();
    while let (Some(_), Some(block)) = (pieces.next(), pieces.next()) {
        let (language, text) = block.split_once('\n').unwrap();
        blocks.push(Block { language, text });
    }
    blocks
}

/// The files that a page shows, by the name in the first line of each.
#[must_use]
pub fn files(page: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for block in blocks(page) {
        let Some(name) = block.name() else { continue };
        let (_, text) = block.text.split_once('\n').unwrap();
        assert!(files.insert(name.into(), text.into()).is_none(), "{name} is there twice");
    }
    files
}

/// What else it shows in this language.
#[must_use]
pub fn commands<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let blocks = blocks(page).into_iter().filter(|block| block.language == language && block.name().is_none());
    blocks.map(|block| block.text).collect()
}

/// A folder with these files, and what is made of TypeScript beside it, where the packages of the tests are installed.
#[must_use]
pub fn build(files: &BTreeMap<String, String>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(folder.path().join("package.json"), r#"{ "type": "module" }"#).unwrap();
    let built = node("build.mjs").env("ROOT", folder.path()).output().unwrap();
    assert!(built.status.success(), "run make test, which installs all: {}", String::from_utf8_lossy(&built.stderr));
    // After that: the packages are no part of the app.
    symlink(format!("{FOLDER}/node_modules"), folder.path().join("node_modules")).unwrap();
    folder
}
