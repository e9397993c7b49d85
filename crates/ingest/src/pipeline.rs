//! The synchronous rooms of one dataset in a row: decode, cast, judge, protect.

use huiliu_decode::{Decoder, Limits, PlainRows};
use huiliu_model::schemas::Schemas;
use huiliu_model::{Changes, Contract, Error, Records, Texts};
use huiliu_normalise::{Normaliser, Prepared, Protection};
use std::sync::Arc;

/// One dataset's way from bytes to columns. Immutable; shared by the CPU threads.
pub struct Pipeline {
    contract: Arc<Contract>,
    pub(crate) decoder: Decoder,
    pub(crate) normaliser: Normaliser,
    pub(crate) schemas: Option<Arc<dyn Schemas>>,
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
        Ok(Self { contract, decoder, normaliser, schemas: None })
    }

    /// Takes plain rows for something else than the records of a Kafka topic.
    #[must_use]
    pub fn taking_rows_as(mut self, rows: PlainRows) -> Self {
        self.decoder = self.decoder.taking_rows_as(rows);
        self
    }

    /// Refuses truncates, for records that do not land with the progress of their partition.
    #[must_use]
    pub fn refusing_truncates(mut self) -> Self {
        self.decoder = self.decoder.refusing_truncates();
        self
    }

    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// The changes of the first room alone, for people who look.
    pub fn changes(&self, records: &Records) -> Changes {
        self.decoder.decode(records)
    }

    /// As [`Pipeline::prepare`]; rows are rejected for the absence of the `refused` columns, by
    /// index.
    pub fn prepare_refusing(
        &self,
        records: &Records,
        ingest_time_us: i64,
        refused: &[u16],
    ) -> Prepared {
        let texts = Texts::of(records, self.contract.format);
        let changes = self.decoder.decode_texts(&texts);
        self.normaliser.prepare_refusing(&texts, &changes, ingest_time_us, refused)
    }

    /// Total: yields rows and rejects, never fails.
    pub fn prepare(&self, records: &Records, ingest_time_us: i64) -> Prepared {
        self.prepare_refusing(records, ingest_time_us, &[])
    }
}
