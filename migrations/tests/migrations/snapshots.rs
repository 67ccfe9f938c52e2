//! Files with the expected results of tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

/// Returns the names of all snapshots.
pub(crate) fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Compares a text with a snapshot.
pub(crate) fn compare(name: &str, text: &str) {
    compare_file(&folder().join(name), text);
}

/// Compares a text with the content of a file, or writes the file if `UPDATE_SNAPSHOTS` is set.
#[expect(clippy::disallowed_methods, reason = "only this test reads the variable")]
pub(crate) fn compare_file(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(path, text).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, expected, "{} differs; if it is right, run: make snapshots", path.display());
}
