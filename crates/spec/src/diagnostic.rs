//! Diagnostics: what is wrong in a file, where, and what to do about it.
//!
//! Every diagnostic carries a stable code. A message names the object and both sides; it never
//! holds the value of a secret.

use crate::tree::At;
use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// One finding. Lines and columns count from 1, columns in characters; 0 means the whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub file: PathBuf,
    pub line: u32,
    pub column: u32,
    pub message: String,
    /// What the reader can do next.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}: {}", self.code, self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl Diagnostic {
    /// A finding about a file as a whole.
    pub fn of_file(code: Code, file: &Path, message: impl Into<String>) -> Self {
        let file = file.to_owned();
        Self { code, file, line: 0, column: 0, message: message.into(), help: None }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

macro_rules! codes {
    ($($variant:ident = $text:literal, $meaning:literal;)*) => {
        /// Class of a diagnostic; the number is stable and is never given to another class.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $meaning] $variant,)* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// The code as users see it, such as `HUILIU-CFG-0003`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => concat!("HUILIU-CFG-", $text),)* }
            }

            /// What the class means, in a sentence or two.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    Unreadable = "0001", "A file or directory cannot be read, or is larger than a megabyte.";
    Syntax = "0002", "The file is not YAML. Nothing else in it was looked at.";
    UnknownKey = "0003", "A key that this kind of file does not have.";
    DuplicateKey = "0004", "A key is written twice in one mapping.";
    MissingKey = "0005", "A key that must be there is not.";
    WrongType = "0006", "A value of another type: a number where text belongs, and the like. \
        Codes are text: quote them.";
    UnknownWord = "0007", "A word outside its closed set: a rule, type, grade, list, format.";
    Malformed = "0008", "Text that does not have its form: a duration (`5s`), a size (`128MiB`), \
        a share (`20%`), a reference to a secret.";
    OutOfRange = "0009", "A number or span outside its bounds, or bounds that exclude each other.";
    BadName = "0010", "A name that tables cannot carry: names are `[a-z][a-z0-9_]*` and do not \
        begin with `sys_`.";
    Duplicate = "0011", "Two things of one name: datasets, topics, columns, tables, checks.";
    Misplaced = "0012", "The file's name or folder contradicts its content.";
    BadKey = "0013", "A key, bucket or identity column that is missing, nullable or repeated.";
    RuleMismatch = "0014", "A rule that does not fit the column's type, or contradicts another.";
    UnknownColumn = "0015", "A rule or reach names a column that does not exist.";
    BadProtection = "0016", "A protection that the column cannot have, such as encrypting a key.";
    BadPattern = "0017", "A regular expression that does not compile.";
    UnknownInput = "0018", "A table reads a dataset, table or dimension that is not declared.";
    NoMeaning = "0019", "A column without its meaning or its unit.";
    BadCheck = "0020", "`checks.sql` is not a list of `-- check: <name> (fail|warn)` sections.";
    PlainSecret = "0021", "A secret written in the file. Secrets are given by reference.";
    SecretUnreadable = "0022", "A reference to a secret cannot be resolved, or its value does \
        not have the required form.";
    Conflict = "0023", "A setting that contradicts another, or that the program sets itself.";
    Cycle = "0024", "Tables that are built from each other in a circle.";
    Empty = "0025", "A text or list that must not be empty.";
    NotSaid = "0026", "A setting without a default that the command needs.";
    UnknownDataset = "0027", "A check reads a dataset that is not declared.";
    Unformattable = "0028", "A file that formatting would change in meaning; it is left as it is.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Collects the findings of one file.
#[derive(Debug)]
pub(crate) struct Findings {
    pub file: PathBuf,
    /// Whether the file's name and folder must be those of what it declares.
    pub is_placed: bool,
    found: RefCell<Vec<Diagnostic>>,
}

impl Findings {
    pub fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), is_placed: true, found: RefCell::default() }
    }

    /// Findings of a file that may lie anywhere.
    pub fn anywhere(file: &Path) -> Self {
        Self { is_placed: false, ..Self::new(file) }
    }

    pub fn add(&self, code: Code, at: At, message: impl Into<String>) {
        self.push(code, at, message.into(), None);
    }

    pub fn add_with_help(
        &self,
        code: Code,
        at: At,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(code, at, message.into(), Some(help.into()));
    }

    pub fn push(&self, code: Code, at: At, message: String, help: Option<String>) {
        let At { line, column } = at;
        let file = self.file.clone();
        self.found.borrow_mut().push(Diagnostic { code, file, line, column, message, help });
    }

    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// The findings in the order of their lines.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|found| (found.line, found.column, found.code));
        found
    }
}

/// The known word nearest to `word`, as a help line, when one is near.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase();
    // A third of the letters may differ: `titel` finds `title`, `colour` does not find `column`.
    let reach = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// Help for a word outside a closed set: the nearest member, else all of them.
pub(crate) fn one_of(word: &str, known: &[&str]) -> String {
    did_you_mean(word, known.iter().copied()).unwrap_or_else(|| {
        let quoted: Vec<_> = known.iter().map(|k| format!("`{k}`")).collect();
        format!("one of {}", quoted.join(", "))
    })
}
