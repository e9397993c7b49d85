//! The chain of receipts: every commit names the digest of the one before.
//!
//! ```text
//! version n-1                          version n
//! {"commitInfo": {… "huiliu": {…}}} ◄── previous: SM3 of that line
//! {"txn": …}  {"add": …}                body: SM3 of the other lines of this version
//! ```
//!
//! So whoever changes a receipt breaks the link of the next version, whoever changes what it did
//! breaks its own, and what is taken out or put in shows by its number. The newest receipt has no
//! next one: it is covered by a checkpoint of the chain that was written elsewhere. Of `changes`
//! the receipts are posted to `ledger.chain` as they are, before the log is cut.

use crate::log::read_commit;
use crate::table::Table;
use huiliu_model::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm3::{Digest, Sm3};
use std::collections::BTreeMap;

/// Key of the link in a receipt.
pub const CHAIN: &str = "chain";

/// SM3 of bytes, 64 hexadecimal digits.
pub(crate) fn sm3(bytes: &[u8]) -> String {
    Sm3::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a version is tied to the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    /// Id of the table in its metadata.
    pub table: String,
    pub version: i64,
    /// Digest of the version before; null when that was not in the log.
    pub previous: Option<String>,
    /// SM3 of the lines after the receipt.
    pub body: String,
}

/// A version as the chain sees it.
pub(crate) struct Tied<'a> {
    /// The line with the receipt; the whole text where another tool wrote none.
    pub info: &'a [u8],
    pub body: &'a [u8],
}

impl<'a> Tied<'a> {
    pub fn of(text: &'a [u8]) -> Self {
        let end = text.iter().position(|byte| *byte == b'\n');
        match end {
            Some(end) if text.starts_with(b"{\"commitInfo\"") => {
                Self { info: &text[..end], body: &text[end + 1..] }
            }
            _ => Self { info: text, body: &[] },
        }
    }

    /// What the next version names.
    pub fn digest(&self) -> String {
        sm3(self.info)
    }

    pub fn link(&self) -> Option<Link> {
        let line: Value = serde_json::from_slice(self.info).ok()?;
        serde_json::from_value(line.pointer("/commitInfo/huiliu")?.get(CHAIN)?.clone()).ok()
    }

    pub fn committed_at_ms(&self) -> i64 {
        let line: Option<Value> = serde_json::from_slice(self.info).ok();
        let at = line.as_ref().and_then(|line| line.pointer("/commitInfo/timestamp")?.as_i64());
        at.unwrap_or(0)
    }
}

/// A receipt in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub digest: String,
    /// The line of the log, as it is.
    pub info: String,
}

/// The chain of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    pub table: String,
    /// First version with a link; none when no version has one.
    pub begins: Option<i64>,
    /// First version of the log; those before are in the ledger or gone.
    pub log_begins: i64,
    pub newest: i64,
    /// Digest of the newest version.
    pub digest: String,
    pub committed_at_ms: i64,
    /// Links that hold.
    pub links: u64,
    /// The first thing that does not add up.
    pub fault: Option<Fault>,
}

/// What does not add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub version: i64,
    pub what: String,
}

/// Walks a chain version by version.
struct Walk<'a> {
    table_id: String,
    posted: &'a BTreeMap<i64, Posted>,
    /// Version and digest that were kept elsewhere.
    through: Option<(i64, &'a str)>,
    chain: Chain,
    /// The version before and its digest.
    before: Option<(i64, String)>,
}

impl Walk<'_> {
    /// Takes the next version; the body is none where only the ledger has the receipt.
    fn take(&mut self, version: i64, tied: &Tied<'_>, has_body: bool) -> Result<(), String> {
        let digest = tied.digest();
        if let Some(posted) = self.posted.get(&version)
            && posted.digest != digest
        {
            return Err("the log has another receipt than the ledger: edited, or a fork".into());
        }
        if self.through.is_some_and(|(at, kept)| at == version && kept != digest) {
            return Err("the checkpoint has another receipt: edited, or a fork".into());
        }
        let link = tied.link();
        if link.is_none() && self.chain.begins.is_some() {
            return Err("the receipt has no link, and those before have".into());
        }
        if let Some(link) = link {
            self.check(version, &link, tied, has_body)?;
            self.chain.begins.get_or_insert(version);
            self.chain.links += 1;
        }
        self.before = Some((version, digest.clone()));
        self.chain.newest = version;
        self.chain.digest = digest;
        self.chain.committed_at_ms = tied.committed_at_ms();
        Ok(())
    }

    fn check(
        &self,
        version: i64,
        link: &Link,
        tied: &Tied<'_>,
        has_body: bool,
    ) -> Result<(), String> {
        if link.version != version {
            return Err(format!("the receipt is that of version {}", link.version));
        }
        if link.table != self.table_id {
            return Err("the receipt is that of another table".into());
        }
        if has_body && link.body != sm3(tied.body) {
            return Err("what the version did is not what its receipt was written for".into());
        }
        match (&self.before, &link.previous) {
            (Some((before, _)), _) if before + 1 != version => {
                Err(format!("versions {}..{version} are gone", before + 1))
            }
            (Some((before, digest)), Some(previous)) if digest != previous => Err(format!(
                "it names another version {before} than the log has: that one was edited, or this \
                 one is of a fork"
            )),
            (Some(_), None) if self.chain.begins.is_some() => {
                Err("the chain begins anew in the middle".into())
            }
            _ => Ok(()),
        }
    }
}

impl Table {
    /// Walks the chain of this table, through the ledger's receipts and then the log.
    ///
    /// # Errors
    /// As the store answers; what does not add up is no error but the chain's fault.
    pub(crate) async fn walk_chain(
        &self,
        name: &str,
        posted: &BTreeMap<i64, Posted>,
        through: Option<(i64, &str)>,
    ) -> Result<Chain, Error> {
        let state = self.refresh().await?;
        let table_id = state.metadata.as_ref().map_or_else(String::new, |m| m.id.clone());
        let log_begins = self.log_begins(state.version).await?;
        let chain = Chain { table: name.to_owned(), log_begins, ..Chain::default() };
        let mut walk = Walk { table_id, posted, through, chain, before: None };
        for (version, posted) in posted.range(..log_begins) {
            let tied = Tied { info: posted.info.as_bytes(), body: &[] };
            if let Err(what) = walk.take(*version, &tied, false) {
                walk.chain.fault = Some(Fault { version: *version, what });
                return Ok(walk.chain);
            }
        }
        for version in log_begins..=state.version {
            let text = read_commit(self.store().as_ref(), self.path(), version).await?;
            let taken = match &text {
                Some(text) => walk.take(version, &Tied::of(text), true),
                None => Err("it is gone from the log".to_owned()),
            };
            if let Err(what) = taken {
                walk.chain.fault = Some(Fault { version, what });
                return Ok(walk.chain);
            }
        }
        if let Some((at, _)) = through.filter(|(at, _)| *at > state.version) {
            let what = format!("the checkpoint has version {at}, which is gone");
            walk.chain.fault = Some(Fault { version: at, what });
        }
        Ok(walk.chain)
    }

    /// The first version behind which the log has no hole that maintenance made.
    async fn log_begins(&self, newest: i64) -> Result<i64, Error> {
        let versions = crate::log::versions(self.store().as_ref(), self.path()).await?;
        // A kept entry or two may stand before the cut: behind it there is a checkpoint.
        let cut = versions.checkpoints.first().copied();
        let whole = versions.commits.contains(&0) && versions.commits.contains(&1);
        Ok(if whole { 0 } else { cut.unwrap_or(0).min(newest) })
    }
}
