//! Reads the source tree and finds what breaks the rules of the house.
//!
//! Owns the rules that a compiler does not check: which crate may use which, how long files,
//! functions and lines are, which names and calls are refused. A rule yields every violation with
//! file and line. Exceptions stand in `exceptions.txt`, each with its reason.

pub mod exceptions;
pub mod manifest;
pub mod source;
pub mod text;
pub mod tokens;
pub mod tree;

pub use tree::Tree;

use std::fmt;

/// A rule of the house; the name is what `exceptions.txt` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    Edge,
    OwnedCrate,
    FileLines,
    FunctionLines,
    LineColumns,
    ModuleName,
    ModuleDoc,
    BannedCall,
    Unparsed,
}

impl Rule {
    pub const ALL: [Rule; 9] = [
        Self::Edge,
        Self::OwnedCrate,
        Self::FileLines,
        Self::FunctionLines,
        Self::LineColumns,
        Self::ModuleName,
        Self::ModuleDoc,
        Self::BannedCall,
        Self::Unparsed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::OwnedCrate => "owned-crate",
            Self::FileLines => "file-lines",
            Self::FunctionLines => "function-lines",
            Self::LineColumns => "line-columns",
            Self::ModuleName => "module-name",
            Self::ModuleDoc => "module-doc",
            Self::BannedCall => "banned-call",
            Self::Unparsed => "unparsed",
        }
    }
}

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub rule: Rule,
    /// Relative to the workspace, with `/`.
    pub file: String,
    pub line: usize,
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule.name(), self.message)
    }
}

/// Every violation in the tree, exceptions not considered, in order of rule and file.
pub fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for manifest in &tree.manifests {
        manifest::check(manifest, &mut found);
    }
    for file in &tree.sources {
        text::check(file, &mut found);
        match source::parse(file) {
            Ok(parsed) => {
                source::check(file, &parsed, &mut found);
                tokens::check(file, &parsed, &mut found);
            }
            Err(violation) => found.push(violation),
        }
    }
    found.sort();
    found
}
