//! Failures: how a verb that could not do its work says so, and the code the process leaves with.
//!
//! A failure is printed once, here, in one form:
//!
//! ```text
//! error[HUILIU-KAFKA-0001]: broker localhost:9092 does not answer
//!   = because: connection refused
//!   = help: start the broker, or name another with --bootstrap-servers
//! ```
//!
//! Codes are stable (`huiliu_model::code`); `huiliu explain-error` tells what each means.
//!
//! Findings in files have a form of their own, with the line they are about: see `frame`.

use crate::console::{Console, visible};
use huiliu_model::{Error, ErrorKind, code};
use huiliu_spec::Diagnostic;
use std::error::Error as StdError;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// Why a verb ends without having done its work.
#[derive(Debug)]
pub enum Failure {
    /// Who reads our output has gone: nothing to say, nothing wrong.
    OutputClosed,
    /// Everything was said already; leave with this code.
    Said(u8),
    /// The request contradicts itself in a way the argument parser cannot see.
    Usage {
        message: String,
        help: Option<String>,
    },
    /// The work was done and its result is a failure (a failed check).
    Failed {
        message: String,
        help: Option<String>,
    },
    Error(Error),
    /// What is wrong in our files.
    Findings(Vec<Diagnostic>),
}

/// Exit code for misuse of the command line, as clap's own.
pub const USAGE: u8 = 2;
/// Exit code for work that ran and failed.
pub const FAILED: u8 = 1;

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: None }
    }

    #[must_use]
    pub fn help(self, text: impl Into<String>) -> Self {
        let text = Some(text.into());
        match self {
            Self::Usage { message, .. } => Self::Usage { message, help: text },
            Self::Failed { message, .. } => Self::Failed { message, help: text },
            Self::Error(mut error) => {
                error.help = text;
                Self::Error(error)
            }
            other => other,
        }
    }

    /// Our own configuration is wrong.
    #[track_caller]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Error(Error::new(ErrorKind::Invalid, message))
    }

    /// A file of ours could not be read or written.
    #[track_caller]
    pub fn file(what: &str, path: &std::path::Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            io::ErrorKind::NotFound | io::ErrorKind::InvalidData => ErrorKind::Invalid,
            _ => ErrorKind::Unavailable,
        };
        Self::Error(Error::new(kind, format!("{what} {}", path.display())).because(source))
    }

    /// The code the process leaves with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Said(code) => *code,
            Self::Usage { .. } => USAGE,
            Self::Failed { .. } => FAILED,
            Self::Error(error) => error.kind.exit_code(),
            Self::Findings(_) => ErrorKind::Invalid.exit_code(),
        }
    }

    /// Prints the failure on standard error.
    pub fn report(&self, console: &Console) {
        let (code, message, help) = match self {
            Self::OutputClosed | Self::Said(_) => return,
            Self::Findings(found) => {
                let found: Vec<_> = found.iter().cloned().map(Into::into).collect();
                let text = crate::frame::render(&found, console);
                // When standard error is closed there is nobody left to tell.
                let _ = console.suspend(|| io::stderr().write_all(text.as_bytes()));
                return;
            }
            Self::Usage { message, help } => (code::USAGE, message, help.as_ref()),
            Self::Failed { message, help } => (code::FAILED, message, help.as_ref()),
            Self::Error(error) => (error.code(), &error.message, error.help.as_ref()),
        };
        let mut text = format!(
            "{}{} {}\n",
            console.paint(&format!("error[{code}]"), crate::console::Style::Error),
            console.paint(":", crate::console::Style::Strong),
            visible(message),
        );
        if let Self::Error(error) = self {
            for cause in causes(error) {
                text.push_str(&format!("  = because: {}\n", visible(&cause)));
            }
        }
        if let Some(help) = help {
            text.push_str(&format!("  = help: {}\n", visible(help)));
        }
        // When standard error is closed there is nobody left to tell.
        let _ = console.suspend(|| io::stderr().write_all(text.as_bytes()));
    }
}

/// Prints what the parser of arguments says, a misuse with its code, and gives the exit code.
pub fn misused(misuse: &clap::Error) -> ExitCode {
    if !misuse.use_stderr() {
        // Help and version are answers.
        return match misuse.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => ExitCode::from(Failure::from(error).exit_code()),
        };
    }
    let text = match io::stderr().is_terminal() {
        true => misuse.render().ansi().to_string(),
        false => misuse.render().to_string(),
    };
    let coded = format!("error[{}]:", code::USAGE);
    let text = match misuse.kind() {
        clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => text,
        _ => text.replacen("error:", &coded, 1),
    };
    // When standard error is closed there is nobody left to tell.
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::from(USAGE)
}

/// The chain of sources, outermost first, without repetitions.
pub fn causes(error: &Error) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = next {
        let line = cause.to_string();
        let repeated = error.message.contains(&line) || lines.iter().any(|l| l.contains(&line));
        if !repeated && !line.is_empty() {
            lines.push(line);
        }
        next = cause.source();
    }
    lines
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Errors of writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            _ => ErrorKind::Unavailable,
        };
        Self::Error(Error::new(kind, "the output could not be written").because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_error_leaves_with_its_sysexits_code() {
        let expected = [
            (ErrorKind::Contract, 65),
            (ErrorKind::Unavailable, 69),
            (ErrorKind::Corrupt, 70),
            (ErrorKind::Bug, 70),
            (ErrorKind::Superseded, 75),
            (ErrorKind::Denied, 77),
            (ErrorKind::Invalid, 78),
        ];
        for (kind, code) in expected {
            assert_eq!(Failure::from(Error::new(kind, "x")).exit_code(), code, "{kind:?}");
        }
        assert_eq!(Failure::usage("x").exit_code(), 2);
        assert_eq!(Failure::Failed { message: String::new(), help: None }.exit_code(), 1);
    }

    #[test]
    fn a_closed_output_is_no_failure() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(closed).exit_code(), 0);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Failure::from(full).exit_code(), 69);
    }

    #[test]
    fn causes_are_told_once_from_the_outside_in() {
        let inner = Error::new(ErrorKind::Unavailable, "connection refused");
        let middle = Error::new(ErrorKind::Unavailable, "no broker: connection refused");
        let outer = Error::new(ErrorKind::Unavailable, "kafka does not answer")
            .because(middle.because(inner));
        assert_eq!(causes(&outer), ["no broker: connection refused"]);
    }
}
