//! Secrets by reference: `file:`, `env:` and `exec:`.
//!
//! A file of settings never holds a secret, only where it is. The value is read when it is
//! needed, so that a rotated one is seen, and lives in a type that is neither printed nor stored.

use crate::diagnostic::{Code, Diagnostic};
use crate::tree::At;
use secrecy::SecretString;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// More than this is no password or key.
const SECRET_BYTES_MAX: u64 = 64 << 10;
/// A secret store that takes longer holds up the start of every process.
const EXEC_PATIENCE: Duration = Duration::from_secs(10);
/// Help of every message about a value that should have been a reference.
pub(crate) const HOW_TO_REFER: &str = "write {secret: \"file:/run/secrets/name\"}, \
     {secret: \"env:NAME\"} or {secret: \"exec:[command, argument]\"}";

/// Where a secret is; printing it prints the reference.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    reference: Reference,
    said_in: PathBuf,
    at: At,
}

#[derive(Clone, PartialEq, Eq)]
enum Reference {
    File(PathBuf),
    Env(String),
    Exec(Vec<String>),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reference {
            Reference::File(path) => write!(f, "file:{}", path.display()),
            Reference::Env(name) => write!(f, "env:{name}"),
            // Arguments may say more than they should.
            Reference::Exec(words) => {
                write!(f, "exec:[{}…]", words.first().map_or("", String::as_str))
            }
        }
    }
}

impl Secret {
    /// Parses a reference; a relative path is relative to the file that says it.
    pub(crate) fn parse(text: &str, said_in: &Path, at: At) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let reference = match kind {
            "file" if !rest.is_empty() => {
                let folder = said_in.parent().unwrap_or(Path::new(""));
                Reference::File(folder.join(rest))
            }
            "env" if !rest.is_empty() => Reference::Env(rest.to_owned()),
            "exec" => {
                let inner = rest.strip_prefix('[')?.strip_suffix(']')?;
                let word = |word: &str| word.trim().trim_matches(['"', '\'']).to_owned();
                let words: Vec<_> = inner.split(',').map(word).collect();
                words.first().filter(|first| !first.is_empty())?;
                Reference::Exec(words)
            }
            _ => return None,
        };
        Some(Self { reference, said_in: said_in.to_owned(), at })
    }

    /// Reads the secret; line ends after it are dropped.
    ///
    /// # Errors
    /// The reference and why it could not be followed; never any part of the value.
    pub fn resolve(&self) -> Result<SecretString, Diagnostic> {
        let value = match &self.reference {
            Reference::File(path) => read_file(path),
            Reference::Env(name) => {
                std::env::var(name).map_err(|_| "the variable is not set or not UTF-8".to_owned())
            }
            Reference::Exec(words) => run(words),
        };
        let value = value.and_then(|value| {
            let value = value.trim_end_matches(['\r', '\n']);
            if value.is_empty() { Err("it is empty".to_owned()) } else { Ok(value.into()) }
        });
        value.map_err(|reason| self.diagnostic(format!("cannot read the secret {self}: {reason}")))
    }

    /// A finding about this secret, where it is referred to.
    pub(crate) fn diagnostic(&self, message: String) -> Diagnostic {
        let At { line, column } = self.at;
        let file = self.said_in.clone();
        Diagnostic { code: Code::SecretUnreadable, file, line, column, message, help: None }
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    read_bounded(file)
}

fn read_bounded(source: impl std::io::Read) -> Result<String, String> {
    let mut text = String::new();
    let read = source.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text);
    let count = read.map_err(|error| error.to_string())?;
    if count as u64 > SECRET_BYTES_MAX {
        return Err(format!("it is larger than {SECRET_BYTES_MAX} bytes"));
    }
    Ok(text)
}

fn run(words: &[String]) -> Result<String, String> {
    let (command, arguments) = words.split_first().ok_or("no command")?;
    let mut child = Command::new(command)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let output = child.stdout.take().ok_or("no standard output")?;
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        // The receiver is gone after the time-out; then nobody wants the answer.
        let _ = sender.send(read_bounded(output));
    });
    let answer = receiver.recv_timeout(EXEC_PATIENCE);
    if answer.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    match answer {
        Ok(text) if status.success() => text,
        Ok(_) => Err(format!("the command ended with {status}")),
        Err(_) => Err(format!("the command did not answer within {EXEC_PATIENCE:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn secret(text: &str) -> Option<Secret> {
        Secret::parse(text, Path::new("conf/huiliu.yaml"), At { line: 3, column: 7 })
    }

    #[test]
    fn a_command_gives_its_output_without_the_line_end() {
        let secret = secret("exec:[echo, \"two words\"]").expect("a reference");
        assert_eq!(secret.resolve().expect("echo runs").expose_secret(), "two words");
        assert_eq!(format!("{secret:?}"), "exec:[echo…]");
    }

    #[test]
    fn a_failing_command_is_a_finding_at_the_reference() {
        let secret = secret("exec:[false]").expect("a reference");
        let found = secret.resolve().expect_err("false fails");
        assert_eq!((found.line, found.column), (3, 7));
        assert!(found.message.contains("exit status: 1"), "{}", found.message);
    }

    #[test]
    fn a_relative_file_is_relative_to_the_settings() {
        let secret = secret("file:keys/token").expect("a reference");
        assert_eq!(secret.to_string(), "file:conf/keys/token");
    }

    #[test]
    fn other_text_is_no_reference() {
        for text in ["hunter2", "file:", "env:", "exec:ls", "exec:[]", "vault:x"] {
            assert!(secret(text).is_none(), "{text}");
        }
    }
}
