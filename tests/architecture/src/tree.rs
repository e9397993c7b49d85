//! The files of the workspace: manifests and Rust sources, with their text.

use std::path::{Path, PathBuf};

/// Folders of the workspace that hold packages.
const PACKAGES: [&str; 2] = ["crates", "tests"];

/// A file with its text.
#[derive(Debug, Clone)]
pub struct Source {
    /// Relative to the workspace, with `/`: `crates/model/src/lib.rs`.
    pub path: String,
    pub text: String,
}

impl Source {
    /// Folder of the package: `crates/model`.
    pub fn package(&self) -> &str {
        let end = self.path.match_indices('/').nth(1).map_or(self.path.len(), |(at, _)| at);
        &self.path[..end]
    }

    /// Whether the file is test code as a whole: an integration test, example or benchmark, or a
    /// module of tests.
    pub fn is_test(&self) -> bool {
        let inside = &self.path[self.package().len()..];
        self.path.starts_with("tests/")
            || ["/tests/", "/examples/", "/benches/"].iter().any(|part| inside.starts_with(part))
            || inside.ends_with("/tests.rs")
            || inside.contains("/tests/")
    }
}

/// Everything the rules read.
#[derive(Debug, Default)]
pub struct Tree {
    pub root: PathBuf,
    pub manifests: Vec<Source>,
    pub sources: Vec<Source>,
}

impl Tree {
    /// Reads the workspace this package belongs to.
    ///
    /// # Panics
    /// When a file cannot be read: then there is nothing to check.
    pub fn of_workspace() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut tree = Self { root: root.clone(), ..Self::default() };
        for folder in PACKAGES {
            tree.add(&root.join(folder));
        }
        tree
    }

    fn add(&mut self, folder: &Path) {
        let entries = std::fs::read_dir(folder).expect("folders of the workspace are readable");
        let mut paths: Vec<_> =
            entries.map(|entry| entry.expect("entries are readable").path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    self.add(&path);
                }
            } else if name == "Cargo.toml" {
                self.manifests.extend(self.read(&path));
            } else if name.ends_with(".rs") {
                self.sources.extend(self.read(&path));
            }
        }
    }

    /// A file that vanishes while the tree is read is none of the tree.
    fn read(&self, path: &Path) -> Option<Source> {
        let relative = path.strip_prefix(&self.root).expect("the path is below the root");
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        let text = std::fs::read_to_string(path).ok()?;
        Some(Source { path: parts.join("/"), text })
    }
}
