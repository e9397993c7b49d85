//! A memory pool in which nobody who can spill keeps most of it.
//!
//! A sort that fits into what is free when it runs holds its rows until they are read, and can no
//! longer spill; where several sorts feed one join, the first of them leaves nothing for the
//! others. Under a cap each spills early, and all can be merged side by side.

use datafusion::common::resources_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use huiliu_model::usage::Usage;
use std::fmt;
use std::sync::Arc;

/// A fair pool with a cap for each consumer that can spill; what it gives away is counted.
#[derive(Debug)]
pub struct CappedPool {
    inner: FairSpillPool,
    cap_bytes: usize,
    usage: Arc<Usage>,
}

impl CappedPool {
    pub fn new(bytes: usize, cap_bytes: usize, usage: Arc<Usage>) -> Self {
        Self { inner: FairSpillPool::new(bytes), cap_bytes, usage }
    }
}

impl fmt::Display for CappedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at most {} bytes for each who can spill", self.inner, self.cap_bytes)
    }
}

impl MemoryPool for CappedPool {
    fn name(&self) -> &str {
        "capped"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.inner.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.inner.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.inner.grow(reservation, additional);
        self.usage.hold(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.inner.shrink(reservation, shrink);
        self.usage.release(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let wanted = reservation.size() + additional;
        if reservation.consumer().can_spill() && wanted > self.cap_bytes {
            let name = reservation.consumer().name();
            return Err(resources_datafusion_err!("{name} has to spill at {wanted} bytes"));
        }
        self.inner.try_grow(reservation, additional)?;
        self.usage.hold(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.inner.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.inner.memory_limit()
    }
}
