//! The folder of a new project.

use crate::console::Console;
use crate::failure::Failure;
use std::path::Path;

const SETTINGS: &str = "\
# Settings of this installation; flags and HUILIU_* variables go before them.
lake: lake             # a directory, or s3://bucket/prefix
# How graded values are written has to be said before the first of them is:
# protection: keys     # masks, tokens and encryption by grade; needs `keys:`
# protection: plain    # as they came
pipelines: pipelines
sql: sql
";

const PIPELINES: &str = "\
# Pipelines

One file a dataset, in the folder of its group: `base/`, `feed/` or `pool/`. Propose one from
sample records:

    huiliu init --from-sample FILE --dataset NAME
";

const SQL: &str = "\
# Subject tables

One folder a table: `<subject>/<table>/{table.yaml, query.sql, checks.sql, tests/}`; views in
`views/`, code lists in `dimensions/`.
";

/// Files of a project that has nothing yet.
const FILES: [(&str, &str); 3] =
    [("huiliu.yaml", SETTINGS), ("pipelines/README.md", PIPELINES), ("sql/README.md", SQL)];

/// Makes the project's folder and files.
///
/// # Errors
/// Usage when one of the files is there; what cannot be written.
pub fn make(dir: &Path, is_forced: bool, console: &Console) -> Result<(), Failure> {
    if let Some((name, _)) = FILES.iter().find(|(name, _)| dir.join(name).exists())
        && !is_forced
    {
        return Err(Failure::usage(format!("`{}` is there already", dir.join(name).display()))
            .help("name another folder, or write over its files with --force"));
    }
    for (name, text) in FILES {
        let path = dir.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|e| Failure::file("cannot make the folder", parent, e))?;
        }
        std::fs::write(&path, text)
            .map_err(|e| Failure::file("cannot write the file", &path, e))?;
    }
    console.say(format!("a project in {}; next:", dir.display()));
    console.say(format!("  cd {}", dir.display()));
    console.say("  huiliu init --from-sample FILE --dataset NAME");
    Ok(())
}
