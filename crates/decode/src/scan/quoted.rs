//! Field names, prepared for a quick comparison.

use super::vector;
use std::sync::Arc;

/// A field name as it stands before its colon, prepared for a quick comparison.
#[derive(Debug, Clone)]
pub struct QuotedName {
    /// The name, its closing quote and the colon.
    pub(super) bytes: Arc<[u8]>,
    pub(super) head: vector::Head,
}

impl QuotedName {
    /// `None` if JSON cannot have the name without escapes.
    pub fn new(name: &[u8]) -> Option<Self> {
        if name.iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
            return None;
        }
        let bytes: Arc<[u8]> = [name, b"\":"].concat().into();
        Some(Self { head: vector::Head::new(&bytes), bytes })
    }

    #[inline(always)]
    pub(super) fn begins(&self, rest: &[u8]) -> bool {
        match rest.first_chunk() {
            Some(chunk) if !self.head.begins(chunk) => false,
            Some(_) if self.bytes.len() <= vector::Head::BYTES => true,
            _ => rest.starts_with(&self.bytes),
        }
    }
}
