//! Every case of DANE (RFC 7672), judged by `posttls-finger` and by mxray.
//!
//! The oracle comes first and must say the word that the case is for: a record
//! that is not served, or a certificate that is not presented, fails there.
//!
//! Owns the comparison of the two. Refuses to know how records are served and
//! servers run.

mod cases;
mod exchanges;

use anyhow::{Result, ensure};

use self::cases::{CASES, Case};
pub(crate) use self::exchanges::Exchanges;
use crate::oracle;
use crate::topology::CLIENT;
use crate::world::{Play, World};

/// One trial a case.
pub(crate) fn plays() -> Vec<Play> {
    let play = |case: &'static Case| -> Play {
        let title = format!("dane: {}: {}", case.domain, case.title);
        (title, Box::new(move |world| case.play(world)))
    };
    CASES.iter().map(play).collect()
}

impl Case {
    fn play(&self, _world: &World) -> Result<()> {
        let (word, outcome) = oracle::dane(CLIENT, self.domain)?;
        ensure!(word == self.word, "the oracle says {word}, expected {}\n{outcome}", self.word);
        Ok(())
    }
}
