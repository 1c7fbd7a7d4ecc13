//! A resolver that lies to the client alone.

use crate::world::Play;

pub(crate) fn plays() -> Vec<Play> {
    Vec::new()
}
