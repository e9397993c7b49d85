//! Two processes on one store, each with a clock that the test sets.

use super::*;
use huiliu_testkit::HandClock;
use object_store::memory::InMemory;

const LASTS: Duration = Duration::from_secs(15);

/// Two processes on one store, each with a clock of its own.
struct Pair {
    store: Arc<dyn ObjectStore>,
    clocks: [Arc<HandClock>; 2],
    leases: [Lease; 2],
}

async fn side(store: &Arc<dyn ObjectStore>, clock: &Arc<HandClock>) -> Lease {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let lake = Lake::on_store(Arc::clone(store), &[], false, clock).await.expect("it opens");
    lake.lease("refresh", LASTS)
}

async fn pair() -> Pair {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let clocks = [Arc::new(HandClock::default()), Arc::new(HandClock::default())];
    let leases = [side(&store, &clocks[0]).await, side(&store, &clocks[1]).await];
    Pair { store, clocks, leases }
}

impl Pair {
    /// Time goes on for both.
    fn pass(&self, seconds: u64) {
        self.clocks.iter().for_each(|clock| clock.advance(Duration::from_secs(seconds)));
    }

    /// Term of whoever has the lease by what this side is told, and whether it is this side.
    async fn attend(&mut self, side: usize) -> (bool, u64) {
        match self.leases[side].attend().await.expect("the store answers") {
            Standing::Here { term, .. } => (true, term),
            Standing::Elsewhere { term, .. } => (false, term),
        }
    }

    async fn objects(&self) -> usize {
        let listed: Vec<_> = self.store.list(None).try_collect().await.expect("it lists");
        listed.len()
    }
}

#[tokio::test]
async fn the_first_takes_it_and_keeps_it_while_it_renews() {
    let mut pair = pair().await;
    assert_eq!(pair.attend(0).await, (true, 1));
    for _ in 0..20 {
        assert_eq!(pair.attend(1).await, (false, 1));
        pair.pass(5);
        assert_eq!(pair.attend(0).await, (true, 1), "a renewal is no new term");
    }
    assert_eq!(pair.leases[0].term(), Some(1));
    assert_eq!(pair.leases[1].term(), None);
    assert_eq!(pair.objects().await, 1, "old entries are deleted");
}

#[tokio::test]
async fn another_takes_it_when_the_holder_is_silent_for_as_long_as_it_lasts() {
    let mut pair = pair().await;
    pair.attend(0).await;
    assert_eq!(pair.attend(1).await, (false, 1));
    pair.pass(14);
    assert_eq!(pair.attend(1).await, (false, 1));
    assert_eq!(pair.leases[0].term(), Some(1));
    pair.pass(1);
    assert_eq!(pair.leases[0].term(), None, "it runs out for its holder no later than for others");
    assert_eq!(pair.attend(1).await, (true, 2));
}

#[tokio::test]
async fn a_holder_that_was_stopped_finds_that_it_lost_the_lease() {
    let mut pair = pair().await;
    pair.attend(0).await;
    pair.attend(1).await;
    pair.pass(60);
    assert_eq!(pair.attend(1).await, (true, 2));
    assert_eq!(pair.attend(0).await, (false, 2));
    pair.pass(14);
    assert_eq!(pair.attend(0).await, (false, 2));
    assert_eq!(pair.attend(1).await, (true, 2));
}

#[tokio::test]
async fn a_holder_that_was_stopped_goes_on_in_its_term_when_nobody_came() {
    let mut pair = pair().await;
    pair.attend(0).await;
    pair.pass(3_600);
    assert_eq!(pair.leases[0].term(), None);
    assert_eq!(pair.attend(0).await, (true, 1));
}

#[tokio::test]
async fn what_is_given_back_is_taken_at_once() {
    let mut pair = pair().await;
    pair.attend(0).await;
    assert_eq!(pair.attend(1).await, (false, 1));
    let gone = side(&pair.store, &pair.clocks[0]).await;
    std::mem::replace(&mut pair.leases[0], gone).release().await.expect("it is given back");
    assert_eq!(pair.attend(1).await, (true, 2));
}

#[tokio::test]
async fn the_wall_clock_decides_nothing() {
    let mut pair = pair().await;
    pair.attend(0).await;
    // A machine whose time is that of another year sees the same lease.
    pair.clocks[1].advance(Duration::from_secs(366 * 86_400));
    assert_eq!(pair.attend(1).await, (false, 1));
}

/// A holder that stood still after it looked creates a serial that was passed and deleted.
#[tokio::test]
async fn a_serial_of_long_ago_is_no_lease() {
    let mut pair = pair().await;
    pair.attend(0).await;
    pair.attend(1).await;
    pair.pass(15);
    for _ in 0..3 {
        assert_eq!(pair.attend(1).await, (true, 2));
    }
    // Serials 2 and 3 are gone, 4 is the newest: the late request succeeds, the lease does not.
    assert!(pair.leases[0].create(2, 1, false).await.expect("the store answers"));
    assert_eq!(pair.attend(0).await, (false, 2));
    assert_eq!(pair.attend(1).await, (true, 2));
    assert_eq!(pair.objects().await, 1, "the holder cleans up");
}

#[tokio::test]
async fn of_two_that_take_it_at_once_one_has_it() {
    for _ in 0..50 {
        let Pair { leases: [mut a, mut b], .. } = pair().await;
        let (a, b) = tokio::join!(a.attend(), b.attend());
        let here = [a, b].map(|found| matches!(found.expect("it answers"), Standing::Here { .. }));
        assert_eq!(here.iter().filter(|here| **here).count(), 1);
    }
}
