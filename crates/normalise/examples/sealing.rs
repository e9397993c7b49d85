//! Cost of protection by itself: `cargo run --release -p huiliu-normalise --example sealing`.
//!
//! Nanoseconds per value, one thread, the best of several rounds: tokens, seals by length, and
//! the two primitives beneath them.

use huiliu_model::{Clock, clock::SystemClock};
use huiliu_normalise::crypto::{Crypto, Keys, Origin, sm3_hex};
use sm4::cipher::{BlockCipherEncrypt, KeyInit};
use std::hint::black_box;

/// A round is shorter than a slice of the scheduler, so the best one had a core to itself.
const VALUES: usize = 500;
const ROUNDS: usize = 1_000;

/// Nanoseconds per value of one pass over all values, the best of all rounds.
fn measure(name: &str, mut pass: impl FnMut()) {
    let clock = SystemClock::default();
    let round = |_| {
        let start = clock.monotonic();
        pass();
        (clock.monotonic() - start).as_nanos() as f64 / VALUES as f64
    };
    let best = (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min);
    println!("{name:<34}{best:>9.0} ns");
}

fn main() {
    let keys = Keys { id: "hub-1".into(), token: [3; 32], encrypt: [5; 16], older: vec![] };
    let crypto = Crypto::new(&keys);
    let cipher = sm4::Sm4::new(&[5; 16].into());
    measure("SM4, one block after another", || {
        let mut block = sm4::cipher::Block::<sm4::Sm4>::default();
        for _ in 0..VALUES {
            cipher.encrypt_block(&mut block);
        }
        black_box(block);
    });
    measure("SM3, one block", || {
        for value in 0..VALUES {
            black_box(sm3_hex(&value.to_be_bytes()));
        }
    });
    let values: Vec<String> = (0..VALUES).map(|n| format!("50010319900307{n:04}")).collect();
    let tokeniser = crypto.tokeniser("person");
    measure("token, 18 bytes", || {
        for value in &values {
            black_box(tokeniser.token(value));
        }
    });
    let sealer = crypto.sealer("np_person", "citizen_id");
    let mut out = Vec::new();
    for length in [0, 11, 18, 24, 48, 200, 2_000] {
        let plain = vec![b'7'; length];
        measure(&format!("seal, {length} bytes"), || {
            for offset in (0_i64..).take(VALUES) {
                let origin = Origin { partition: 0, offset, ordinal: 0 };
                sealer.seal(origin, &plain, &mut out);
            }
            black_box(&out);
        });
    }
}
