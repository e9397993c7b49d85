//! The lake in memory, with a store that loses answers by script. One binary: linking the query
//! engine takes longer than running every test.

mod audit;
mod checkpoint;
mod counting;
mod evolve;
mod landing;
mod ledger;
mod lossy;
mod maintain;
mod past;
mod purge;
mod quarantine;
mod ranges;
mod sliced;
mod stop;
mod token_key;
mod topics;
mod truncate;
mod unsent;
