//! Leases: of several processes on one lake, one does a piece of work that any of them could do.
//!
//! A lease is a chain of small objects, `leases/<name>/<serial>.json`. Whoever creates the next
//! serial has the lease: the conditional creation that commits rely on is all that it needs of a
//! store. The holder creates one well before the lease runs out. The others look whether the
//! newest serial moves; when it stood still for as long as the lease lasts, by their own clock,
//! they take it. So no two machines' clocks are compared.
//!
//! ```text
//! serial  1        2        3                          4
//! holder  a take   a renew  a renew, then it dies      b take
//! term    1        1        1                          2      one more with every new holder
//! ```
//!
//! A lease saves work, it does not guard data: a holder that was stopped and wakes may believe for
//! a moment that it still holds, so what it does has to be guarded where it is committed (a
//! subject table is a compare-and-swap on its version).

use crate::error::store_error;
use crate::lake::Lake;
use futures::TryStreamExt;
use huiliu_model::{Clock, Error, ErrorKind};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Folder of all leases.
const FOLDER: &str = "leases";
/// How often another process may come first in one attempt.
const ATTEMPTS_MAX: u32 = 3;

/// One process' side of a lease.
pub struct Lease {
    store: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    folder: Path,
    holder: String,
    lasts: Duration,
    /// The newest serial that was seen, and when it was first seen, on the monotonic clock.
    seen: Option<(u64, Duration)>,
    held: Option<Held>,
}

/// A lease that is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    term: u64,
    /// On the monotonic clock.
    until: Duration,
}

/// Who has a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// This process, until the instant of its monotonic clock.
    Here {
        term: u64,
        until: Duration,
    },
    Elsewhere {
        term: u64,
        holder: String,
    },
}

/// One object of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    holder: String,
    term: u64,
    lasts_ms: u64,
    /// Wall clock of the holder, for people; nothing is decided by it.
    at_us: i64,
    /// The holder gave the lease back.
    released: bool,
}

impl Lake {
    /// This process' side of the lease of that name, which is not taken yet.
    pub fn lease(&self, name: &str, lasts: Duration) -> Lease {
        let shared = self.shared();
        Lease {
            store: Arc::clone(&shared.store),
            clock: Arc::clone(&shared.clock),
            folder: Path::from(FOLDER).join(name),
            holder: (shared.ids)().to_string(),
            lasts,
            seen: None,
            held: None,
        }
    }
}

impl Lease {
    /// Takes the lease if nobody has it, renews it if it is ours; says who has it. To be called
    /// several times while a lease lasts, by the holder and by those who wait.
    ///
    /// # Errors
    /// `Unavailable` or `Denied`; a lease that was ours then stays ours until it runs out.
    pub async fn attend(&mut self) -> Result<Standing, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let now = self.clock.monotonic();
            let newest = self.newest().await?;
            let serial = newest.as_ref().map_or(1, |(serial, _)| serial + 1);
            let term = match &newest {
                Some((_, entry)) if entry.holder == self.holder && !entry.released => entry.term,
                Some((serial, entry)) if !self.is_over(*serial, entry) => {
                    self.held = None;
                    return Ok(Standing::Elsewhere {
                        term: entry.term,
                        holder: entry.holder.clone(),
                    });
                }
                Some((_, entry)) => entry.term + 1,
                None => 1,
            };
            if !self.create(serial, term, false).await? {
                continue;
            }
            // A process that stood still since it looked may have created a serial that was passed
            // and deleted long ago.
            let serials = self.serials().await?;
            if serials.iter().any(|found| *found > serial) {
                continue;
            }
            // Counted from before the request: whoever waits counts from after it.
            let until = now + self.lasts;
            self.seen = Some((serial, now));
            self.held = Some(Held { term, until });
            self.forget(&serials, serial).await;
            return Ok(Standing::Here { term, until });
        }
        Err(Error::new(ErrorKind::Unavailable, format!("lease `{}` moves too fast", self.folder))
            .help("several processes take it at the same time; the next attempt settles it"))
    }

    /// The term in which this process has the lease now; asks nobody.
    pub fn term(&self) -> Option<u64> {
        self.held.filter(|held| self.clock.monotonic() < held.until).map(|held| held.term)
    }

    /// Gives the lease back, so that another process need not wait until it runs out.
    ///
    /// # Errors
    /// As [`Lease::attend`]; the lease runs out then.
    pub async fn release(mut self) -> Result<(), Error> {
        let (Some(term), Some((serial, _))) = (self.term(), self.seen) else { return Ok(()) };
        self.held = None;
        // Where another came first there is nothing left to give back.
        self.create(serial + 1, term, true).await.map(|_| ())
    }

    /// Whether its holder gave it back, or did not renew it for as long as it lasts.
    fn is_over(&mut self, serial: u64, entry: &Entry) -> bool {
        let now = self.clock.monotonic();
        let since = match self.seen {
            Some((seen, since)) if seen == serial => since,
            _ => now,
        };
        self.seen = Some((serial, since));
        entry.released || now.saturating_sub(since) >= Duration::from_millis(entry.lasts_ms)
    }

    async fn newest(&self) -> Result<Option<(u64, Entry)>, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(serial) = self.serials().await?.into_iter().max() else { return Ok(None) };
            let found = match self.store.get(&self.path(serial)).await {
                Ok(found) => found.bytes().await.map_err(|e| self.failed(e))?,
                // Deleted meanwhile, so there is a newer one.
                Err(object_store::Error::NotFound { .. }) => continue,
                Err(e) => return Err(self.failed(e)),
            };
            let entry = serde_json::from_slice(&found).map_err(|e| {
                let message = format!("`{}` holds no lease", self.path(serial));
                Error::new(ErrorKind::Corrupt, message)
                    .help("delete the object; nothing but the lease is lost")
                    .because(e)
            })?;
            return Ok(Some((serial, entry)));
        }
        Err(Error::new(ErrorKind::Unavailable, format!("lease `{}` moves too fast", self.folder)))
    }

    async fn serials(&self) -> Result<Vec<u64>, Error> {
        let listed: Vec<_> =
            self.store.list(Some(&self.folder)).try_collect().await.map_err(|e| self.failed(e))?;
        let of_name = |name: &str| -> Option<u64> { name.strip_suffix(".json")?.parse().ok() };
        Ok(listed.iter().filter_map(|object| of_name(object.location.filename()?)).collect())
    }

    /// Creates a serial; false when another process did.
    async fn create(&self, serial: u64, term: u64, released: bool) -> Result<bool, Error> {
        let entry = Entry {
            holder: self.holder.clone(),
            term,
            lasts_ms: u64::try_from(self.lasts.as_millis()).unwrap_or(u64::MAX),
            at_us: self.clock.now_us(),
            released,
        };
        let body = serde_json::to_vec(&entry)
            .map_err(|e| Error::new(ErrorKind::Bug, "a lease is no JSON").because(e))?;
        let payload = PutPayload::from(body);
        match self.store.put_opts(&self.path(serial), payload, PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(false),
            Err(e) => Err(self.failed(e)),
        }
    }

    /// Deletes what is older than the newest; what cannot be deleted now is deleted next time.
    async fn forget(&self, serials: &[u64], newest: u64) {
        for serial in serials.iter().filter(|serial| **serial < newest) {
            if let Err(error) = self.store.delete(&self.path(*serial)).await {
                tracing::debug!(lease = %self.folder, %error, "an old entry stays");
            }
        }
    }

    fn path(&self, serial: u64) -> Path {
        self.folder.clone().join(format!("{serial:020}.json"))
    }

    fn failed(&self, error: object_store::Error) -> Error {
        store_error(&format!("lease `{}`", self.folder), error)
    }
}

#[cfg(test)]
mod tests;
