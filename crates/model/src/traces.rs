//! Trace contexts that records bring along in their header `traceparent` (W3C Trace Context).
//!
//! They take no part in what becomes of a record: a source notes them aside, and whoever traces the
//! landing of a batch takes those of the offsets it covers. Both sides are bounded: of a partition
//! that has too many every second one is let go, so that a batch of any size keeps a sample, and
//! what is never taken (a partition that was revoked) thins out.

use crate::progress::{Covers, Partition};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Name of the header.
pub const HEADER: &str = "traceparent";
/// Contexts that are kept of one partition at most.
const KEPT_MAX: usize = 128;
/// Contexts that one batch is given; what collectors take by default (OpenTelemetry, SpanLimits).
const TAKEN_MAX: usize = 128;

/// The span that a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    pub trace_id: u128,
    pub span_id: u64,
}

impl TraceContext {
    /// Reads `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, lower case. A later version may
    /// have more behind that, which is passed over; ids of zero and version `ff` are none.
    pub fn parse(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok()?;
        let mut parts = text.split('-');
        let mut part = |digits: usize| {
            let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
            parts.next().filter(|part| part.len() == digits && part.bytes().all(is_hex))
        };
        let (version, trace, span) = (part(2)?, part(32)?, part(16)?);
        part(2)?;
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace, 16).ok()?;
        let span_id = u64::from_str_radix(span, 16).ok()?;
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id })
    }
}

/// What was noted and not yet taken.
#[derive(Debug, Default)]
pub struct Traces(Mutex<BTreeMap<Partition, Vec<(i64, TraceContext)>>>);

impl Traces {
    /// Notes the header of a record; one that is no trace context is passed over.
    pub fn note(&self, partition: &Partition, offset: i64, header: &[u8]) {
        let Some(context) = TraceContext::parse(header) else { return };
        let mut noted = self.noted();
        let of = match noted.get_mut(partition) {
            Some(of) => of,
            None => noted.entry(partition.clone()).or_default(),
        };
        if of.len() == KEPT_MAX {
            let mut keeps = false;
            of.retain(|_| {
                keeps = !keeps;
                keeps
            });
        }
        of.push((offset, context));
    }

    /// Takes the contexts of these offsets, each once, and forgets what lies before them.
    pub fn take(&self, covers: &Covers) -> Vec<TraceContext> {
        let mut noted = self.noted();
        let mut taken = Vec::new();
        for (partition, range) in &covers.0 {
            let Some(of) = noted.get_mut(partition) else { continue };
            of.retain(|(offset, context)| {
                let is_new = range.contains(offset) && !taken.contains(context);
                if is_new && taken.len() < TAKEN_MAX {
                    taken.push(*context);
                }
                *offset >= range.end
            });
        }
        noted.retain(|_, of| !of.is_empty());
        taken
    }

    fn noted(&self) -> MutexGuard<'_, BTreeMap<Partition, Vec<(i64, TraceContext)>>> {
        // Every change is whole in itself: a panic elsewhere leaves nothing half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the recommendation.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn headers_are_read_as_the_recommendation_says() {
        let context = TraceContext {
            trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
            span_id: 0x00f0_67aa_0ba9_02b7,
        };
        assert_eq!(TraceContext::parse(EXAMPLE.as_bytes()), Some(context));
        let later = format!("cc{}-what-comes", &EXAMPLE[2..]);
        assert_eq!(TraceContext::parse(later.as_bytes()), Some(context));
        for wrong in [
            String::new(),
            format!("ff{}", &EXAMPLE[2..]),
            format!("{EXAMPLE}-more"),
            EXAMPLE.to_uppercase(),
            EXAMPLE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            EXAMPLE.replace("00f067aa0ba902b7", &"0".repeat(16)),
            EXAMPLE[..52].to_owned(),
            EXAMPLE.replace('4', "é"),
        ] {
            assert_eq!(TraceContext::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_batch_takes_the_contexts_of_its_offsets_and_older_ones_are_forgotten() {
        let traces = Traces::default();
        let (zero, one) = (Partition::new("t", 0), Partition::new("t", 1));
        let header = |span: i64| format!("00-{:032x}-{span:016x}-01", 7);
        for offset in 1..=5 {
            traces.note(&zero, offset, header(offset).as_bytes());
        }
        traces.note(&zero, 5, b"nonsense");
        traces.note(&one, 2, header(2).as_bytes());
        let spans = |covers| -> Vec<u64> {
            traces.take(&Covers(covers)).into_iter().map(|context| context.span_id).collect()
        };
        let both = [(zero.clone(), 2..4), (one, 0..9)];
        assert_eq!(spans(both.into()), [2, 3], "the context of two records counts once");
        assert_eq!(spans([(zero.clone(), 0..4)].into()), [0_u64; 0]);
        assert_eq!(spans([(zero.clone(), 4..9)].into()), [4, 5]);
        for offset in 0..1_000 {
            traces.note(&zero, offset, header(offset + 1).as_bytes());
        }
        let sample = spans([(zero, 0..1_000)].into());
        assert!((KEPT_MAX / 2..=KEPT_MAX).contains(&sample.len()), "{}", sample.len());
        assert!(sample[0] <= 500 && sample.ends_with(&[1_000]), "{sample:?}");
    }
}
