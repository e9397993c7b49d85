//! Finding and reading the files of a project.

use super::{Sources, TableSources};
use crate::diagnostic::{Code, Diagnostic};
use crate::format::FileKind;
use crate::subject::SUBJECT_FILE;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A contract of 50 columns is 6 KB; a megabyte is something else.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// `sql/<subject>/<table>` is 2 deep; the bound ends circles of links.
const DEPTH_MAX: usize = 8;
const TABLE_FILE: &str = "table.yaml";
const SETTINGS_FILE: &str = "huiliu.yaml";

/// Folder of the dimensions, beside the subjects: one CSV file each.
const DIMENSIONS: &str = "dimensions";

/// What a path holds. In a directory of tables other YAML is none of ours; in an unknown one,
/// the presence of a table decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Pipelines,
    Tables,
    Unknown,
}

/// Whether a directory holds the pipelines, or at least a folder of one of their groups.
pub(super) fn holds_groups(path: &Path) -> bool {
    ["pipelines", "base", "feed", "pool"].iter().any(|part| path.join(part).is_dir())
}

#[derive(Default)]
struct Found {
    pipelines: BTreeSet<PathBuf>,
    tables: BTreeSet<PathBuf>,
    subjects: BTreeSet<PathBuf>,
    dimensions: BTreeSet<String>,
    diagnostics: Vec<Diagnostic>,
}

/// The YAML files of the project under these paths, each with its kind, in order.
///
/// # Errors
/// Paths that are not there or cannot be read.
pub fn files(paths: &[PathBuf]) -> Result<Vec<(FileKind, PathBuf)>, Vec<Diagnostic>> {
    let mut found = Found::default();
    for path in paths {
        if path.file_name().is_some_and(|name| name == SETTINGS_FILE) {
            continue;
        }
        found.any(path, Kind::Unknown);
    }
    if !found.diagnostics.is_empty() {
        return Err(found.diagnostics);
    }
    let is_settings = |path: &&PathBuf| path.file_name().is_some_and(|name| name == SETTINGS_FILE);
    let settings = paths.iter().filter(is_settings).cloned().map(|p| (FileKind::Settings, p));
    let of = |kind| move |path| (kind, path);
    let tables = found.tables.into_iter().map(|dir| (FileKind::Table, dir.join(TABLE_FILE)));
    Ok(settings
        .chain(found.pipelines.into_iter().map(of(FileKind::Dataset)))
        .chain(found.subjects.into_iter().map(of(FileKind::Subject)))
        .chain(tables)
        .collect())
}

/// Reads every pipeline file and table folder under the places.
pub(super) fn find(places: &[(PathBuf, Kind)]) -> (Sources, Vec<Diagnostic>) {
    let mut found = Found::default();
    for (path, kind) in places {
        found.any(path, *kind);
    }
    let Found { pipelines, tables, subjects, dimensions, mut diagnostics } = found;
    let mut sources = Sources { dimensions, ..Sources::default() };
    for path in pipelines {
        match read_file(&path) {
            Ok(text) => sources.pipelines.push((path, text)),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    for path in subjects {
        match read_file(&path) {
            Ok(text) => sources.subjects.push((path, text)),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    for dir in tables {
        sources.tables.extend(read_table(&dir, &mut diagnostics));
    }
    (sources, diagnostics)
}

impl Found {
    fn any(&mut self, path: &Path, kind: Kind) {
        match (path.is_dir(), path.is_file()) {
            (true, _) => self.place(path, kind),
            (false, true) => self.file(path),
            (false, false) => {
                let what = if path.extension().is_some() { "file" } else { "directory" };
                let message = format!("there is no such {what}");
                self.diagnostics.push(Diagnostic::of_file(Code::Unreadable, path, message));
            }
        }
    }

    fn place(&mut self, path: &Path, kind: Kind) {
        // A directory with these two stands for them: a project holds YAML of other kinds.
        let parts = [("pipelines", Kind::Pipelines), ("sql", Kind::Tables)];
        let parts = parts.map(|(part, kind)| (path.join(part), kind));
        if kind == Kind::Unknown && parts.iter().any(|(part, _)| part.is_dir()) {
            for (part, kind) in parts.iter().filter(|(part, _)| part.is_dir()) {
                self.place(part, *kind);
            }
            return;
        }
        let mut below = Found::default();
        below.directory(path, 0);
        let has_tables = !below.tables.is_empty() || path.ends_with("sql");
        if kind == Kind::Tables || (kind == Kind::Unknown && has_tables) {
            below.pipelines.clear();
        }
        self.pipelines.append(&mut below.pipelines);
        self.tables.append(&mut below.tables);
        self.subjects.append(&mut below.subjects);
        self.dimensions.append(&mut below.dimensions);
        self.diagnostics.append(&mut below.diagnostics);
    }

    fn directory(&mut self, path: &Path, depth: usize) {
        if path.join(TABLE_FILE).is_file() {
            self.tables.insert(path.to_owned());
            return;
        }
        let listing = std::fs::read_dir(path).and_then(|entries| {
            entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()
        });
        let entries: BTreeSet<PathBuf> = match listing {
            Ok(paths) => paths.into_iter().collect(),
            Err(error) => {
                let message = format!("cannot be read: {error}");
                self.diagnostics.push(Diagnostic::of_file(Code::Unreadable, path, message));
                return;
            }
        };
        let in_dimensions = path.ends_with(DIMENSIONS);
        for entry in entries {
            let Some(name) = entry.file_name().and_then(|name| name.to_str()) else { continue };
            if name.starts_with('.') {
                continue;
            }
            if let Some(dimension) = name.strip_suffix(".csv").filter(|_| in_dimensions) {
                self.dimensions.insert(dimension.to_owned());
            } else if !entry.is_dir() {
                self.file(&entry);
            } else if depth < DEPTH_MAX {
                self.directory(&entry, depth + 1);
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        if path.file_name().is_some_and(|name| name == TABLE_FILE) {
            self.tables.insert(folder);
        } else if path.file_name().is_some_and(|name| name == SUBJECT_FILE) {
            self.subjects.insert(path.to_owned());
        } else if matches!(extension, Some("yaml" | "yml")) {
            self.pipelines.insert(path.to_owned());
        } else if extension == Some("sql") && folder.join(TABLE_FILE).is_file() {
            self.tables.insert(folder);
        }
    }
}

fn read_table(dir: &Path, diagnostics: &mut Vec<Diagnostic>) -> Option<TableSources> {
    let mut read = |name: &str| {
        let path = dir.join(name);
        if !path.is_file() {
            return None;
        }
        read_file(&path).map_err(|diagnostic| diagnostics.push(diagnostic)).ok()
    };
    let (table_yaml, query, checks) = (read(TABLE_FILE), read("query.sql"), read("checks.sql"));
    Some(TableSources { dir: dir.to_owned(), table_yaml: table_yaml?, query, checks })
}

/// Reads a file of text, of bounded size.
pub(crate) fn read_file(path: &Path) -> Result<String, Diagnostic> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    let message = match read {
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => "is larger than a megabyte".to_owned(),
        Ok(_) => return Ok(text),
        Err(error) => format!("cannot be read: {error}"),
    };
    Err(Diagnostic::of_file(Code::Unreadable, path, message))
}
