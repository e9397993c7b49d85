//! The synchronous rooms of one dataset in a row: decode, cast, judge, protect.

use huiliu_decode::{Decoder, Limits};
use huiliu_model::{Contract, Error, Records};
use huiliu_normalise::{Normaliser, Prepared, Protection};
use std::sync::Arc;

/// One dataset's way from bytes to columns. Immutable; shared by the CPU threads.
pub struct Pipeline {
    contract: Arc<Contract>,
    pub(crate) decoder: Decoder,
    pub(crate) normaliser: Normaliser,
}

impl Pipeline {
    /// # Errors
    /// `Invalid` when the contract asks for a protection that has no keys.
    pub fn new(
        contract: Arc<Contract>,
        limits: Limits,
        protection: Arc<Protection>,
    ) -> Result<Self, Error> {
        let decoder = Decoder::new(&contract, limits);
        let normaliser = Normaliser::new(Arc::clone(&contract), protection)?;
        Ok(Self { contract, decoder, normaliser })
    }

    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// Total: yields rows and rejects, never fails.
    pub fn prepare(&self, records: &Records, ingest_time_us: i64) -> Prepared {
        let changes = self.decoder.decode(records);
        self.normaliser.prepare(records, &changes, ingest_time_us)
    }
}
