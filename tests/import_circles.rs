//! Source files of a crate must not import each other in a circle, so that each can be understood after those it builds
//! on.
//!
//! The check reads paths, not types: `crate::…`, `self::…`, `super::…`, child modules, and imported modules. A
//! re-exported name counts as a dependency on the file that defines it, and a re-export itself (`pub use`) is not a
//! dependency. Tests are ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The path of a module: its names, outermost first; empty for the crate root.
type Module = Vec<String>;

/// A path in the source. `use a::{b, c as d}` has two.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Import {
    segments: Vec<String>,
    /// The name that the path binds, such as `d` in `c as d`, or `*`.
    binds: Option<String>,
    /// Whether other modules can use the bound name (`pub use`, `pub(crate) use`).
    is_reexport: bool,
}

/// A source file.
struct Source {
    file: String,
    imports: Vec<Import>,
    defines: BTreeSet<String>,
}

/// The modules of a crate, and their files.
struct Crate(BTreeMap<Module, Source>);

impl Crate {
    fn read(folder: &Path) -> Self {
        let mut modules = BTreeMap::new();
        read_folder(folder, &Vec::new(), &mut modules);
        Self(modules)
    }

    /// Returns the other files that define names which a module uses.
    fn dependencies(&self, module: &Module) -> BTreeSet<String> {
        let source = &self.0[module];
        let used = source.imports.iter().filter(|import| !import.is_reexport);
        let files = used.filter_map(|import| self.file_of(module, &import.segments, 0));
        files.filter(|file| *file != source.file).collect()
    }

    /// Returns the file that defines the item at this path, as seen from a module. Returns `None` for other crates, and
    /// for a path that names a module: each use of the module is a path of its own.
    fn file_of(&self, from: &Module, segments: &[String], depth: usize) -> Option<String> {
        // Re-exports can refer to each other.
        if depth > 8 {
            return None;
        }
        let (mut module, rest) = self.start(from, segments, depth)?;
        for (index, name) in rest.iter().enumerate() {
            let child = [module.as_slice(), std::slice::from_ref(name)].concat();
            if self.0.contains_key(&child) {
                module = child;
                continue;
            }
            let source = &self.0[&module];
            if name == "*" || source.defines.contains(name) {
                return Some(source.file.clone());
            }
            let bound = source.imports.iter().find(|import| import.binds.as_ref() == Some(name));
            if let Some(bound) = bound {
                return self.file_of(&module, &[bound.segments.as_slice(), &rest[index + 1..]].concat(), depth + 1);
            }
            let globs = source.imports.iter().filter(|import| import.binds.as_deref() == Some("*"));
            let behind_glob = globs.filter_map(|import| {
                let (_, path) = import.segments.split_last()?;
                let target = self.module_of(&module, path, depth + 1)?;
                let path = [target.as_slice(), std::slice::from_ref(name)].concat();
                self.0[&target]
                    .defines
                    .contains(name)
                    .then(|| self.file_of(&Vec::new(), &with_root(path), depth + 1))?
            });
            return behind_glob.into_iter().next().or_else(|| Some(source.file.clone()));
        }
        None
    }

    /// Returns the module at this path if it belongs to the crate.
    fn module_of(&self, from: &Module, segments: &[String], depth: usize) -> Option<Module> {
        if depth > 8 {
            return None;
        }
        let (module, rest) = self.start(from, segments, depth)?;
        let whole = [module, rest.to_vec()].concat();
        self.0.contains_key(&whole).then_some(whole)
    }

    /// Returns the module in which a path starts, and the remaining names. Returns `None` for other crates.
    fn start<'a>(&self, from: &Module, segments: &'a [String], depth: usize) -> Option<(Module, &'a [String])> {
        let (first, rest) = segments.split_first()?;
        match first.as_str() {
            "crate" => Some((Vec::new(), rest)),
            "self" | "super" => {
                let ups = segments.iter().take_while(|segment| *segment == "super").count();
                let skipped = ups.max(1);
                Some((from[..from.len().checked_sub(ups)?].to_vec(), &segments[skipped..]))
            }
            _ => {
                let child = [from.as_slice(), std::slice::from_ref(first)].concat();
                if self.0.contains_key(&child) {
                    return Some((child, rest));
                }
                let mut imports = self.0[from].imports.iter();
                let import = imports.find(|import| import.binds.as_ref() == Some(first))?;
                if import.segments == segments {
                    return None;
                }
                Some((self.module_of(from, &import.segments, depth + 1)?, rest))
            }
        }
    }

    /// Returns the groups of files in which each file depends on all others.
    fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let edges: BTreeMap<_, _> =
            self.0.iter().map(|(module, source)| (source.file.clone(), self.dependencies(module))).collect();
        let reached = |start: &String| {
            let mut reached = BTreeSet::new();
            let mut open = vec![start];
            while let Some(file) = open.pop() {
                for next in edges.get(file).into_iter().flatten() {
                    if reached.insert(next.clone()) {
                        open.push(next);
                    }
                }
            }
            reached
        };
        let reached: BTreeMap<_, _> = edges.keys().map(|file| (file.clone(), reached(file))).collect();
        let on_circle = reached.iter().filter(|(file, all)| all.contains(*file));
        on_circle
            .map(|(file, all)| all.iter().filter(|other| reached[*other].contains(file)).cloned().collect())
            .collect()
    }

    /// Lists the imports inside a circle, for the message of a failed test.
    fn describe(&self, circle: &BTreeSet<String>) -> String {
        let within = self.0.iter().filter(|(_, source)| circle.contains(&source.file));
        let lines = within.flat_map(|(module, source)| {
            let others = self.dependencies(module);
            others
                .into_iter()
                .filter(|other| circle.contains(other))
                .map(|other| format!("  {} -> {other}\n", source.file))
        });
        lines.collect()
    }
}

fn with_root(path: Vec<String>) -> Vec<String> {
    std::iter::once("crate".to_owned()).chain(path).collect()
}

fn read_folder(folder: &Path, module: &Module, modules: &mut BTreeMap<Module, Source>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let child = [module.as_slice(), std::slice::from_ref(&name)].concat();
        if path.is_dir() {
            read_folder(&path, &child, modules);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests" {
            let is_root = name == "mod" || (module.is_empty() && (name == "lib" || name == "main"));
            let own = if is_root { module.clone() } else { child };
            modules.insert(own, read_source(path.to_str().unwrap(), &fs::read_to_string(&path).unwrap()));
        }
    }
}

fn read_source(file: &str, text: &str) -> Source {
    // Tests inside a file are at its end.
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let tokens = tokens(text);
    let mut source = Source { file: file.to_owned(), imports: Vec::new(), defines: BTreeSet::new() };
    let mut position = 0;
    while position < tokens.len() {
        let token = tokens[position].as_str();
        let before = position.checked_sub(1).map_or("", |before| tokens[before].as_str());
        if token == "use" {
            let is_reexport = before == "pub" || before == ")";
            position = read_path(&tokens, position + 1, &[], &mut |mut import: Import| {
                import.is_reexport = is_reexport;
                source.imports.push(import);
            });
        } else if ["fn", "struct", "enum", "trait", "const", "static", "type", "macro_rules"].contains(&token) {
            let name = tokens[position + 1..].iter().find(|token| !["!", "mut", "fn"].contains(&token.as_str()));
            source.defines.extend(name.cloned());
            position += 1;
        } else if is_name(token)
            && before != "::"
            && before != "."
            && tokens.get(position + 1).is_some_and(|t| t == "::")
        {
            position = read_path(&tokens, position, &[], &mut |mut import: Import| {
                import.binds = None;
                source.imports.push(import);
            });
        } else {
            position += 1;
        }
    }
    source
}

/// Reads the path at a position, with all its branches. Returns the position after it.
fn read_path(tokens: &[String], start: usize, prefix: &[String], found: &mut impl FnMut(Import)) -> usize {
    let mut segments = prefix.to_vec();
    let mut position = start;
    while let Some(token) = tokens.get(position) {
        if token == "{" {
            position += 1;
            while tokens.get(position).is_some_and(|token| token != "}") {
                position = read_path(tokens, position, &segments, found);
                if tokens.get(position).is_some_and(|token| token == ",") {
                    position += 1;
                }
            }
            return position + 1;
        }
        if !is_name(token) && token != "*" {
            break;
        }
        // `a::{self}` is `a`.
        if token != "self" || segments.is_empty() {
            segments.push(token.clone());
        }
        position += 1;
        if tokens.get(position).is_none_or(|token| token != "::") {
            break;
        }
        position += 1;
    }
    let mut binds = segments.last().cloned();
    if tokens.get(position).is_some_and(|token| token == "as") {
        binds = tokens.get(position + 1).cloned();
        position += 2;
    }
    found(Import { segments, binds, is_reexport: false });
    position.max(start + 1)
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Splits source code into names, `::`, and single characters. Omits comments, strings and character literals.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' {
            end_of_string(rest)
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            raw.find("\"#").map_or(rest.len(), |end| end + 5)
        } else if first == '\'' {
            end_of_character(rest)
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').filter(|&length| length > 0);
            let length = length.unwrap_or(first.len_utf8());
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |(end, _)| end + 1)
}

/// Returns the length of a character literal, or 1 for the apostrophe of a lifetime.
fn end_of_character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((escaped, _))) => text[escaped + 1..].find('\'').map_or(1, |end| escaped + end + 2),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut failures = String::new();
    for folder in ["crates/domain", "crates/adapters", "crates/web", "crates/server", "migrations"] {
        let all = Crate::read(&root.join(folder).join("src"));
        let circles: String = all.circles().iter().map(|circle| all.describe(circle) + "\n").collect();
        failures += &circles;
    }
    assert!(
        failures.is_empty(),
        "files that import each other:\n{}",
        failures.replace(&format!("{}/", root.display()), "")
    );
}

/// The check finds circles of each kind, and nothing else.
#[test]
fn circles_are_found_through_reexports_and_imported_modules() {
    let folder = tempfile::tempdir().unwrap();
    let circle_of = |files: &[(&str, &str)]| {
        let source = folder.path().join("src");
        let _ = fs::remove_dir_all(&source);
        for (name, text) in files {
            let path = source.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let circles = Crate::read(&source).circles();
        let name = |file: &String| file.rsplit_once("src/").unwrap().1.to_owned();
        circles.iter().map(|circle| circle.iter().map(name).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let facade = ("a/mod.rs", "mod x; mod y; pub use x::X; pub(crate) use y::{Y, Z as W};");
    for (name, files, expected) in [
        (
            "directly",
            vec![("x.rs", "use crate::y::Y; pub struct X;"), ("y.rs", "use super::x::X; pub struct Y;")],
            "x.rs y.rs",
        ),
        ("inline", vec![("x.rs", "fn x() { crate::y::y(); }"), ("y.rs", "fn y() { super::x::x() }")], "x.rs y.rs"),
        (
            "by module",
            vec![("x.rs", "use crate::y; fn x() { y::y(); }"), ("y.rs", "use crate::{x}; fn y() { x::x() }")],
            "x.rs y.rs",
        ),
        (
            "re-exported",
            vec![facade, ("a/x.rs", "use super::Y; pub struct X;"), ("a/y.rs", "use crate::a::{X}; pub struct Y;")],
            "a/x.rs a/y.rs",
        ),
        (
            "parent and child",
            vec![("a/mod.rs", "mod x; use x::X; pub struct A;"), ("a/x.rs", "use super::A; pub struct X;")],
            "a/mod.rs a/x.rs",
        ),
        (
            "only re-exported",
            vec![facade, ("a/x.rs", "use super::W; pub struct X;"), ("a/y.rs", "pub struct Y; pub struct Z;")],
            "",
        ),
        (
            "only mentioned",
            vec![("x.rs", "// crate::y::Y\nconst A: &str = \"crate::y\";"), ("y.rs", "use crate::x::A;")],
            "",
        ),
        (
            "only in tests",
            vec![
                ("x.rs", "pub struct X;\n#[cfg(test)]\nmod tests {\n use crate::y::Y;\n}"),
                ("y.rs", "use crate::x::X;"),
            ],
            "",
        ),
    ] {
        let files: Vec<_> = [("lib.rs", "mod a; mod x; mod y;")].into_iter().chain(files).collect();
        let expected: Vec<_> = Some(expected.to_owned()).into_iter().filter(|circle| !circle.is_empty()).collect();
        assert_eq!(circle_of(&files), expected, "{name}");
    }
}
