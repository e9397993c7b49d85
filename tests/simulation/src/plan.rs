//! What goes wrong at which step.

use crate::chance::Chance;
use crate::store::{Step, Verb};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    None,
    /// The process dies before anything is done.
    CrashBefore,
    /// It is done; the process dies before it knows.
    CrashAfter,
    /// Nothing is done, and the answer says so.
    Error,
    /// It is done, and the answer says that it is not.
    AnswerLost,
    /// An upload leaves half a file and fails; a conditional creation loses its answer.
    Torn,
    /// It takes long.
    Delay(Duration),
    /// A list does not show what was written within this time.
    Blind(Duration),
}

/// What no store or broker may do: the checks have to find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// A conditional creation replaces what is there.
    CreateReplaces,
    /// Every so many writes are confirmed and lost.
    WriteLost(u64),
    /// Every so many changes are passed over.
    RecordLost(u64),
    /// Every so many changes are delivered with another status.
    RecordAltered(u64),
}

/// Who decides about faults.
#[derive(Debug, Clone)]
pub enum Plan {
    Nothing,
    /// So many calls in a thousand fail, each in one of all ways.
    Random {
        chance: Chance,
        per_mille: u64,
    },
    /// One call fails.
    At {
        number: u64,
        fault: Fault,
    },
}

impl Plan {
    pub fn fault(&mut self, step: &Step) -> Fault {
        match self {
            Self::Nothing => Fault::None,
            Self::At { number, fault } if *number == step.number => *fault,
            Self::At { .. } => Fault::None,
            Self::Random { chance, per_mille } => match chance.per_mille(*per_mille) {
                true => random(chance, step.verb),
                false => Fault::None,
            },
        }
    }
}

fn random(chance: &Chance, verb: Verb) -> Fault {
    let delay = Duration::from_millis(chance.number() % 3_000);
    let faults = [
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::Error,
        Fault::Error,
        Fault::AnswerLost,
        Fault::AnswerLost,
        Fault::Torn,
        Fault::Delay(delay),
        Fault::Delay(delay),
    ];
    match (chance.of(&faults).copied().unwrap_or(Fault::None), verb) {
        (Fault::Torn, Verb::List) => Fault::Blind(delay),
        // A read that fails after it was done is a read that fails.
        (Fault::AnswerLost | Fault::Torn, Verb::Get | Verb::List) => Fault::Error,
        (fault, _) => fault,
    }
}
