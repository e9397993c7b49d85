//! The demo's directory: settings, keys, pipelines, SQL and lake, complete in itself.

use crate::embedded;
use crate::failure::Failure;
use huiliu_spec::Settings;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const SETTINGS: &str = "\
# Written by `huiliu demo`; every verb works with --config on this file.
lake: lake
protection: keys
keys:
  id: demo
  token: {secret: \"file:keys/token\"}
  encrypt: {secret: \"file:keys/encrypt\"}
pipelines: pipelines
sql: sql
";

/// Where the system's randomness is read from.
const RANDOM: &str = "/dev/urandom";

/// A directory that the demo made.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    /// Whether the user named it; otherwise it is a temporary one.
    pub kept: bool,
}

impl Home {
    /// Makes the directory and everything in it but the lake.
    ///
    /// # Errors
    /// `Invalid` when it holds a lake already: the demo's broker starts empty, so nothing in it
    /// could go on.
    pub fn make(named: Option<&Path>) -> Result<Self, Failure> {
        let home = match named {
            Some(path) => Self { path: path.to_owned(), kept: true },
            None => Self { path: temporary()?, kept: false },
        };
        if home.path.join("lake").exists() {
            let message = format!("`{}` holds a lake already", home.path.display());
            return Err(Failure::invalid(message)
                .help("name another directory with --keep, or query this one"));
        }
        for (name, bytes) in embedded::FILES {
            home.write(name, bytes)?;
        }
        home.write("huiliu.yaml", SETTINGS.as_bytes())?;
        home.key("keys/token", 32)?;
        home.key("keys/encrypt", 16)?;
        Ok(home)
    }

    /// The settings that were written.
    ///
    /// # Errors
    /// What is wrong in them.
    pub fn settings(&self) -> Result<Settings, Failure> {
        Settings::load(&self.config()).map_err(Failure::Findings)
    }

    /// Says `protection: plain` in the settings.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn say_plain(&self) -> Result<(), Failure> {
        let text = SETTINGS.replace("protection: keys", "protection: plain");
        self.write("huiliu.yaml", text.as_bytes())
    }

    pub fn config(&self) -> PathBuf {
        self.path.join("huiliu.yaml")
    }

    pub fn lake(&self) -> PathBuf {
        self.path.join("lake")
    }

    /// The directory, for people.
    pub fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Writes a file of the directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.path.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&path, bytes))
            .map_err(|e| Failure::file("cannot write", &path, e))
    }

    /// Writes a key of random bytes, in hexadecimal, that only this user may read.
    fn key(&self, name: &str, bytes: usize) -> Result<(), Failure> {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.path.join(name);
        if path.exists() {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            let text = random(bytes)?;
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
            writeln!(file, "{text}")
        };
        write().map_err(|e| Failure::file("cannot write the key", &path, e))
    }
}

/// A new directory among the system's temporary ones.
fn temporary() -> Result<PathBuf, Failure> {
    let base = std::env::temp_dir();
    let make = || -> io::Result<PathBuf> {
        let path = base.join(format!("huiliu-demo-{}", random(4)?));
        fs::create_dir(&path)?;
        Ok(path)
    };
    make().map_err(|e| {
        Failure::file("cannot make a temporary directory in", &base, e)
            .help("name one with --keep DIR")
    })
}

fn random(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    fs::File::open(RANDOM)?.read_exact(&mut buffer)?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_demo_home_is_a_complete_installation_with_private_keys() {
        let path = temporary().expect("a temporary directory");
        let home = Home::make(Some(&path)).expect("an empty directory");
        let settings = home.settings().expect("valid settings");
        let keys = settings.keys.as_ref().expect("keys are named");
        assert_eq!(keys.resolve().expect("keys are there").id, "demo");
        let mode = fs::metadata(path.join("keys/token")).expect("written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(settings.pipelines.join("feed/water_bill.yaml").is_file());
        fs::create_dir(path.join("lake")).expect("a new folder");
        assert_eq!(Home::make(Some(&path)).expect_err("a lake is there").exit_code(), 78);
        fs::remove_dir_all(&path).expect("ours");
    }
}
