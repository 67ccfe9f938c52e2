//! The `.env` files, read as `@next/env` of Next.js 16 reads them, because an app and Taskbridge often share them.
//!
//! `parse` ports the parser, and `expand` the expansion of `$NAME`. This file ports the order of the files.

mod expand;
mod parse;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use self::expand::expand;
use self::parse::parse;

/// Variables of `.env` files.
#[derive(Debug, Default)]
pub(super) struct DotEnv {
    /// The variables by name, without those that the environment has.
    pub(super) variables: BTreeMap<String, Variable>,
    /// Descriptions of files that could not be used, without their lines.
    pub(super) warnings: Vec<String>,
}

/// A variable of a `.env` file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) value: String,
    /// The name of the file.
    pub(super) file: String,
    /// The number of the line with the name of the variable. The first line is 1.
    pub(super) line: usize,
}

/// Reads the `.env` files in `folder`. The variables in `environment` have precedence, also where a file refers to them.
///
/// A file that cannot be read, or whose references never end, is skipped, as in Next.js.
///
/// # Errors
/// Returns an error if the pattern of the parser is invalid.
pub(super) fn read(folder: &Path, environment: &BTreeMap<String, String>) -> Result<DotEnv, regex::Error> {
    let mut found = DotEnv::default();
    let mut known = environment.clone();
    for file in files(environment.get("NODE_ENV").map(String::as_str)) {
        let content = match content(&folder.join(&file)) {
            Ok(Some(content)) => content,
            Ok(None) => continue,
            Err(error) => {
                found.warnings.push(format!("cannot read {file}, so its values are not used: {error}"));
                continue;
            }
        };
        if content.starts_with(b"\xFF\xFE") || content.starts_with(b"\xFE\xFF") {
            let advice = "save it as UTF-8";
            found.warnings.push(format!("{file} is UTF-16, so its values are not used, as in Next.js; {advice}"));
        }
        let mut assignments = parse(&String::from_utf8_lossy(&content))?;
        if let Err(endless) = expand(&mut assignments, &mut known) {
            found.warnings.push(format!("{file}, {endless}, so no value of this file is used, as in Next.js"));
            continue;
        }
        for assignment in assignments {
            if !environment.contains_key(&assignment.name) {
                let variable = Variable { value: assignment.value, file: file.clone(), line: assignment.line };
                found.variables.entry(assignment.name).or_insert(variable);
            }
        }
    }
    Ok(found)
}

/// Returns the names of the files, from the highest to the lowest precedence. Without `NODE_ENV`, the mode is that of
/// `next start`.
fn files(node_env: Option<&str>) -> impl Iterator<Item = String> {
    let mode = node_env.filter(|mode| matches!(*mode, "test" | "development")).unwrap_or("production");
    let local = (mode != "test").then(|| ".env.local".to_owned());
    [Some(format!(".env.{mode}.local")), local, Some(format!(".env.{mode}")), Some(".env".to_owned())]
        .into_iter()
        .flatten()
}

/// Reads a file or a named pipe. Returns `None` if there is none at this path.
fn content(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() || metadata.file_type().is_fifo() => fs::read(path).map(Some),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
