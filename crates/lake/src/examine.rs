//! Whether a store can hold a lake: each right is used once on objects of a scratch prefix, and
//! creators race for one object. What is written is deleted again.

use crate::error::store_error;
use crate::store::{Opened, open};
use futures::TryStreamExt;
use futures::future::join_all;
use huiliu_model::{Clock, Error, ErrorKind};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::collections::BTreeMap;

/// Creators that race for one object.
const RIVALS: usize = 8;
/// Races; a store that lets two win may do so only now and then.
const RACES: usize = 5;
const BODY: &[u8] = b"huiliu doctor";

/// What was found in a store that could be opened.
#[derive(Debug)]
pub struct Examined {
    /// Each right by its name, in the order they were used.
    pub rights: Vec<(&'static str, Result<(), Error>)>,
    /// Whether exactly one creator won each race.
    pub race: Result<(), Error>,
    /// The store's clock minus ours, milliseconds; S3 tells whole seconds.
    pub skew_ms: Option<i64>,
}

/// Examines the store at a location.
///
/// # Errors
/// When the location or its options cannot be used at all.
pub async fn examine(
    location: &str,
    options: &BTreeMap<String, String>,
    clock: &dyn Clock,
) -> Result<Examined, Error> {
    let Opened { store, .. } = open(location, options)?;
    Ok(of_store(store.as_ref(), clock).await)
}

async fn of_store(store: &dyn ObjectStore, clock: &dyn Clock) -> Examined {
    let scratch = Path::from(format!("_huiliu/doctor-{}", crate::ids::random()()));
    let object = scratch.clone().join("object");
    let before_us = clock.now_us();
    let put = store.put(&object, PutPayload::from_static(BODY)).await;
    let after_us = clock.now_us();
    let mut rights = vec![("put", put.map(|_| ()).map_err(|e| store_error("writing", e)))];
    let mut skew_ms = None;
    let read = async { store.get(&object).await?.bytes().await };
    rights.push((
        "get",
        match read.await {
            Ok(bytes) if bytes == BODY => Ok(()),
            Ok(_) => Err(Error::new(ErrorKind::Invalid, "an object was read with other bytes")),
            Err(error) => Err(store_error("reading", error)),
        },
    ));
    let listed: Result<Vec<_>, _> = store.list(Some(&scratch)).try_collect().await;
    rights.push((
        "list",
        match listed {
            Ok(found) => match found.iter().find(|meta| meta.location == object) {
                Some(meta) => {
                    let middle_us = before_us.midpoint(after_us);
                    skew_ms = Some(meta.last_modified.timestamp_millis() - middle_us / 1_000);
                    Ok(())
                }
                None => {
                    Err(Error::new(ErrorKind::Invalid, "an object that was written is not listed")
                        .help("commits need a store that lists what was written at once"))
                }
            },
            Err(error) => Err(store_error("listing", error)),
        },
    ));
    let race = race(store, &scratch).await;
    let mut deleted = store.delete(&object).await;
    for number in 0..RACES {
        let gone = store.delete(&prize(&scratch, number)).await;
        if !matches!(gone, Err(object_store::Error::NotFound { .. })) {
            deleted = deleted.and(gone);
        }
    }
    rights.push(("delete", deleted.map_err(|e| store_error("deleting", e))));
    Examined { rights, race, skew_ms }
}

fn prize(scratch: &Path, number: usize) -> Path {
    scratch.clone().join(format!("race-{number}"))
}

/// Lets creators race for one object, several times.
async fn race(store: &dyn ObjectStore, scratch: &Path) -> Result<(), Error> {
    for number in 0..RACES {
        let path = prize(scratch, number);
        let create = |rival: usize| {
            let body = PutPayload::from(format!("rival {rival}").into_bytes());
            store.put_opts(&path, body, PutMode::Create.into())
        };
        let mut winners = 0;
        for outcome in join_all((0..RIVALS).map(create)).await {
            match outcome {
                Ok(_) => winners += 1,
                Err(
                    object_store::Error::AlreadyExists { .. }
                    | object_store::Error::Precondition { .. },
                ) => {}
                Err(error) => return Err(store_error("creating an object in a race", error)),
            }
        }
        if winners != 1 {
            let message = format!("of {RIVALS} creators of one object {winners} won, not one");
            return Err(Error::new(ErrorKind::Invalid, message).help(
                "commits need conditional puts (If-None-Match: *); use a store that honours them",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
