//! Lists what the binary carries: the repository's pipelines and subject tables, for `huiliu
//! demo` outside a checkout, the pages of errors, and the revision and compiler it was built with.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Folders of the repository that a project consists of.
const FOLDERS: [&str; 2] = ["pipelines", "sql"];
/// Folder of the pages of errors, one for each code.
const ERRORS: &str = "docs/errors";

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let root = manifest.ancestors().nth(2).unwrap_or(&manifest).to_owned();
    let mut files = Vec::new();
    for folder in FOLDERS {
        println!("cargo:rerun-if-changed={}", root.join(folder).display());
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut code = String::from("pub static FILES: &[(&str, &[u8])] = &[\n");
    for file in &files {
        let relative = file.strip_prefix(&root).map_err(io::Error::other)?;
        let name = relative.to_string_lossy().replace('\\', "/");
        writeln!(code, "    ({name:?}, include_bytes!({:?})),", file.to_string_lossy())
            .map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    error_pages(&root, &mut code)?;
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(out.join("embedded.rs"), code)?;

    let head = root.join(".git/HEAD");
    if head.exists() {
        println!("cargo:rerun-if-changed={}", head.display());
    }
    let git = ["-C", &root.to_string_lossy(), "rev-parse", "--short=12", "HEAD"];
    println!("cargo:rustc-env=HUILIU_REVISION={}", first_line("git", &git));
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    println!("cargo:rustc-env=HUILIU_RUSTC={}", first_line(&rustc, &["--version"]));
    Ok(())
}

/// Lists the pages of errors by their code.
fn error_pages(root: &Path, code: &mut String) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", root.join(ERRORS).display());
    let mut pages = Vec::new();
    collect(&root.join(ERRORS), &mut pages)?;
    pages.sort();
    code.push_str("pub static ERROR_PAGES: &[(&str, &str)] = &[\n");
    for page in pages {
        let name = page.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let (name, path) = (name.unwrap_or_default(), page.to_string_lossy());
        writeln!(code, "    ({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    Ok(())
}

/// Files below a folder, without hidden ones; a folder that does not exist has none.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned())
}
