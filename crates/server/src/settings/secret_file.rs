//! Secrets in files, such as those of Docker and Kubernetes: `BETTER_AUTH_SECRET_FILE` and others.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The keys whose value can be in a file.
const KEYS: [&str; 3] = ["auth.secret", "auth.secrets", "database.url"];
/// The end of the name of a variable with the path of such a file.
const SUFFIX: &str = "_FILE";
/// Maximum size of such a file in bytes.
const MAX_BYTES: u64 = 65_536;

/// Returns the key whose value is in the file that `variable` names, or `None` if the variable names no file. `key_of` returns
/// the key that a variable sets.
pub(super) fn key_in_file(variable: &str, key_of: impl Fn(&str) -> Option<String>) -> Option<String> {
    key_of(variable.strip_suffix(SUFFIX)?).filter(|key| KEYS.contains(&key.as_str()))
}

/// Reads a value from a file, without one line break at its end.
///
/// # Errors
/// Returns a message that contains the path, but nothing of the content, if the file cannot be read, is too large, is not
/// UTF-8, or is empty.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut content))
        .map_err(|error| format!("cannot read the file {shown}: {error}; check its path and its permissions"))?;
    if content.len() as u64 > MAX_BYTES {
        return Err(format!("the file {shown} is larger than {MAX_BYTES} bytes; write only the value into it"));
    }
    let text = String::from_utf8(content).ok();
    let mut text = text.ok_or_else(|| format!("the file {shown} is not UTF-8; write only the value into it"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(format!("the file {shown} is empty; write the value into it"));
    }
    Ok(text)
}
