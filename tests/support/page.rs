//! The files and commands that a page of the documentation shows.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use crate::better_auth::{FOLDER, node};

/// A fenced block.
#[derive(Debug)]
pub struct Block<'a> {
    /// The language after the fence.
    pub language: &'a str,
    /// The content.
    pub text: &'a str,
    /// The HTML comment in the line above the block.
    pub comment: Option<&'a str>,
}

impl Block<'_> {
    /// Returns the name of the file, if the first line is a comment with one.
    fn name(&self) -> Option<&str> {
        let first = self.text.lines().next()?;
        first.starts_with(['/', '#']).then(|| first.trim_start_matches(['/', '#']).trim_start())
    }
}

/// Returns the fenced blocks of a page.
#[must_use]
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut pieces = page.split("```");
    let mut blocks = Vec::new();
    while let (Some(prose), Some(block)) = (pieces.next(), pieces.next()) {
        let (language, text) = block.split_once('\n').unwrap();
        let above = prose.lines().last().unwrap_or_default();
        let comment = above.strip_prefix("<!-- ").and_then(|comment| comment.strip_suffix(" -->"));
        blocks.push(Block { language, text, comment });
    }
    blocks
}

/// Returns the files that a page shows, by the name in their first line.
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

/// Returns the other blocks in this language.
#[must_use]
pub fn commands<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let blocks = blocks(page).into_iter().filter(|block| block.language == language && block.name().is_none());
    blocks.map(|block| block.text).collect()
}

/// Writes these files to a folder and compiles the TypeScript among them, next to the npm packages of the tests.
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
    // Only now, because the packages are not part of the app.
    symlink(format!("{FOLDER}/node_modules"), folder.path().join("node_modules")).unwrap();
    folder
}
