//! The `.env` files, read as `@next/env` of Next.js 16 reads them, because an app and Taskbridge often share them.
//!
//! `parse` ports the parser, and `expand` the expansion of `$NAME`. This file ports the order of the files. `readers` knows
//! what other programs read, for warnings.

mod expand;
mod parse;
mod readers;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use self::expand::{expand, is_word};
use self::parse::{Assignment, Parsed, parse};
use self::readers::Reading;

/// Variables of `.env` files.
#[derive(Debug, Default)]
pub(super) struct DotEnv {
    /// The variables by name, without those that the environment has.
    pub(super) variables: BTreeMap<String, Variable>,
    /// Descriptions of files that could not be used, of values that other programs read differently, and of ignored lines.
    /// They contain no values.
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
/// A file that cannot be read, or whose references never end, is skipped, as in Next.js. There are warnings only about
/// those files and about the variables for which `is_ours` is `true`.
///
/// # Errors
/// Returns an error if the pattern of the parser is invalid.
pub(super) fn read(
    folder: &Path,
    environment: &BTreeMap<String, String>,
    is_ours: impl Fn(&str) -> bool,
) -> Result<DotEnv, regex::Error> {
    let mut found = DotEnv::default();
    let mut known = environment.clone();
    for file in files(environment.get("NODE_ENV").map(String::as_str)) {
        match content(&folder.join(&file)) {
            Ok(Some(content)) => found.add(&file, &content, environment, &mut known, &is_ours)?,
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                // Docker creates a directory if the file of a bind mount is missing.
                found.warnings.push(format!("{file} is a directory and not a file; remove it"));
            }
            Err(error) => {
                let advice = match error.kind() {
                    io::ErrorKind::PermissionDenied => "let the user that runs Taskbridge read it (chown or chmod)",
                    _ => "replace or remove the file",
                };
                found.warnings.push(format!("cannot read {file}, so its values are not used: {error}; {advice}"));
            }
        }
    }
    Ok(found)
}

impl DotEnv {
    /// Adds the variables of a file, except those of the environment and of files with precedence. Adds all of them to
    /// `known`, which contains the variables to which values can refer.
    fn add(
        &mut self,
        file: &str,
        content: &[u8],
        environment: &BTreeMap<String, String>,
        known: &mut BTreeMap<String, String>,
        is_ours: impl Fn(&str) -> bool,
    ) -> Result<(), regex::Error> {
        if content.starts_with(b"\xFF\xFE") || content.starts_with(b"\xFE\xFF") {
            let advice = "save it as UTF-8";
            self.warnings.push(format!("{file} is UTF-16, so its values are not used, as in Next.js; {advice}"));
        }
        let Parsed { text, mut assignments, ignored } = parse(&String::from_utf8_lossy(content))?;
        let plain: Vec<_> = assignments.iter().map(|assignment| assignment.value.clone()).collect();
        if let Err(endless) = expand(&mut assignments, known) {
            self.warnings.push(format!("{file}, {endless}, so no value of this file is used, as in Next.js"));
            return Ok(());
        }
        for (line, text) in ignored {
            if let Some(name) = text.split(|c: char| !is_word(c)).find(|word| is_ours(word)) {
                let what = "is ignored, as in Next.js, because it is not NAME=value";
                self.warnings.push(format!("{file}, line {line}, which contains {name}, {what}"));
            }
        }
        for (Assignment { name, value, line, rest }, plain) in assignments.into_iter().zip(plain) {
            if let Some(outside) = environment.get(&name) {
                if is_ours(&name) && *outside != value {
                    let place = format!("{name} in the environment has a $, and {file}, line {line}, sets it, too");
                    self.warnings.push(format!("{place}, so Next.js expands the $; remove that line"));
                }
            } else if !self.variables.contains_key(&name) {
                if is_ours(&name) {
                    let reading = Reading { name: &name, rest: &text[rest..], plain: &plain, value: &value };
                    let differences = reading.differences(known);
                    self.warnings.extend(differences.map(|text| format!("{file}, line {line}: {text}")));
                }
                self.variables.insert(name, Variable { value, file: file.to_owned(), line });
            }
        }
        Ok(())
    }
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
        Ok(metadata) if metadata.is_file() || metadata.is_dir() || metadata.file_type().is_fifo() => {
            fs::read(path).map(Some)
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
