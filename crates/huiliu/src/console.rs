//! The terminal: whether there is one, whether it wants colour, and who may write to it.
//!
//! Data goes to standard output and nowhere else; talk and progress go to standard error.
//! Everything that writes to standard error while a live view may be shown does so inside
//! [`Console::suspend`], so that lines and bars do not mix.

use crate::cli::{ColorChoice, Global};
use indicatif::{MultiProgress, ProgressDrawTarget};
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

/// What the process knows about its terminal.
#[derive(Debug, Clone)]
pub struct Console {
    pub stdout_is_terminal: bool,
    /// Colour in what goes to standard error.
    color: bool,
    /// Colour in what goes to standard output.
    color_out: bool,
    quiet: bool,
    live: bool,
    bars: MultiProgress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Error,
    Warning,
    Good,
    Strong,
    Faint,
}

impl Console {
    pub fn new(global: &Global) -> Self {
        let terminal = io::stderr().is_terminal();
        let live = terminal && !global.quiet;
        let bars = MultiProgress::with_draw_target(if live {
            ProgressDrawTarget::stderr_with_hz(8)
        } else {
            ProgressDrawTarget::hidden()
        });
        let stdout_is_terminal = io::stdout().is_terminal();
        let wants = |terminal| wants_color(global.color, terminal, |name| std::env::var(name).ok());
        Self {
            stdout_is_terminal,
            color: wants(terminal),
            color_out: wants(stdout_is_terminal),
            quiet: global.quiet,
            live,
            bars,
        }
    }

    /// True when a live view may be drawn.
    pub fn live(&self) -> bool {
        self.live
    }

    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// True when standard error gets colour.
    pub fn color(&self) -> bool {
        self.color
    }

    /// Text for standard error.
    pub fn paint(&self, text: &str, style: Style) -> String {
        painted(self.color, text, style)
    }

    /// Text for standard output.
    pub fn paint_out(&self, text: &str, style: Style) -> String {
        painted(self.color_out && !text.is_empty(), text, style)
    }

    /// Writes to the terminal with the live view out of the way.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        if self.live { self.bars.suspend(write) } else { write() }
    }

    /// One line of talk on standard error; nothing when quiet.
    pub fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            // When standard error is closed there is nobody left to tell.
            let _ = self.suspend(|| writeln!(io::stderr(), "{}", line.as_ref()));
        }
    }

    /// A warning on standard error, also when quiet.
    pub fn warn(&self, line: impl AsRef<str>) {
        let head = self.paint("warning:", Style::Warning);
        let line = visible(line.as_ref());
        let _ = self.suspend(|| writeln!(io::stderr(), "{head} {line}"));
    }
}

/// Text that others wrote, fit for a terminal: what would move its cursor, colour it or turn the
/// direction of writing is shown by its number. Line feeds and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match is_hidden(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Control characters, and Unicode's marks that show nothing or turn the direction of writing
/// (UAX 9 and General Punctuation).
fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{061c}' | '\u{feff}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        _ => character.is_control(),
    }
}

fn painted(color: bool, text: &str, style: Style) -> String {
    if !color {
        return text.to_owned();
    }
    let code = match style {
        Style::Error => "1;31",
        Style::Warning => "1;33",
        Style::Good => "1;32",
        Style::Strong => "1",
        Style::Faint => "2",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The flag decides, then `NO_COLOR`, then `CLICOLOR_FORCE`, then whether there is a terminal.
fn wants_color(
    choice: ColorChoice,
    terminal: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> bool {
    let set = |name: &str| variable(name).is_some_and(|v| !v.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if set("NO_COLOR") => false,
        ColorChoice::Auto if variable("CLICOLOR_FORCE").is_some_and(|v| v != "0") => true,
        ColorChoice::Auto => terminal && variable("TERM").as_deref() != Some("dumb"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(terminal: bool, variables: &[(&str, &str)]) -> bool {
        wants_color(ColorChoice::Auto, terminal, |name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn what_a_terminal_would_act_on_is_shown_by_its_number() {
        assert_eq!(visible("a\u{1b}[2Jb\r"), "a\\u{1b}[2Jb\\u{d}");
        assert_eq!(visible("\0\u{7f}\u{9b}\u{202e}"), "\\u{0}\\u{7f}\\u{9b}\\u{202e}");
        assert!(matches!(visible("供水账单 `x`\n\tdone"), Cow::Borrowed(_)));
    }

    #[test]
    fn colour_follows_the_flag_then_the_environment_then_the_terminal() {
        assert!(auto(true, &[]));
        assert!(!auto(false, &[]));
        assert!(!auto(true, &[("NO_COLOR", "1")]));
        assert!(auto(true, &[("NO_COLOR", "")]), "an empty NO_COLOR says nothing");
        assert!(auto(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!auto(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!auto(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(!auto(true, &[("TERM", "dumb")]));
        let no_color = |name: &str| (name == "NO_COLOR").then(|| "1".to_owned());
        assert!(wants_color(ColorChoice::Always, false, no_color));
        assert!(!wants_color(ColorChoice::Never, true, |_| None));
    }
}
