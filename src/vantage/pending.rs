//! Who waits for an agent's answers.
//!
//! Owns how much of one agent is listened to. Refuses to read lines.

use std::collections::HashMap;

use tokio::sync::mpsc;

use super::fault::Fault;
use super::wire::{MOST_STAGES, MOST_STRAY, Say};

/// Those who wait for an answer, by the id of their request.
pub(super) type Pending = HashMap<u64, Waiting>;

/// One who waits for an answer.
pub(super) struct Waiting {
    pub(super) answers: mpsc::UnboundedSender<Say>,
    /// Lines of progress that came so far.
    pub(super) stages: usize,
}

/// Hands what was said to whoever waits for it, as long as it is not too much. An answer
/// that came too late is dropped.
pub(super) fn hand_on(
    pending: &mut Pending,
    id: u64,
    say: Say,
    stray: &mut usize,
) -> Result<(), Fault> {
    let Some(waiting) = pending.get_mut(&id) else {
        *stray += 1;
        if *stray > MOST_STRAY {
            return Err(Fault::Garbage(format!("more than {MOST_STRAY} answers to no question")));
        }
        return Ok(());
    };
    if matches!(say, Say::Stage(_)) {
        waiting.stages += 1;
        if waiting.stages > MOST_STAGES {
            let words = format!("more than {MOST_STAGES} lines of progress of one session");
            return Err(Fault::Garbage(words));
        }
    }
    let _ = waiting.answers.send(say);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::Stage;

    #[test]
    fn an_agent_that_floods_a_question_is_garbage() {
        let (answers, mut said) = mpsc::unbounded_channel();
        let mut pending = Pending::from([(7, Waiting { answers, stages: 0 })]);
        let mut stray = 0;
        let stage = || Say::Stage(Stage::Connected);
        for _ in 0..MOST_STAGES {
            assert_eq!(hand_on(&mut pending, 7, stage(), &mut stray), Ok(()));
        }
        let flood = hand_on(&mut pending, 7, stage(), &mut stray).unwrap_err();
        assert_eq!(
            flood.to_string(),
            "it talks garbage: more than 256 lines of progress of one session"
        );
        assert!(flood.is_final());
        assert_eq!(said.len(), MOST_STAGES, "and no more is kept");
        assert_eq!(said.try_recv(), Ok(stage()));
        for _ in 0..MOST_STRAY {
            assert_eq!(hand_on(&mut pending, 8, stage(), &mut stray), Ok(()));
        }
        assert!(hand_on(&mut pending, 8, stage(), &mut stray).is_err());
    }
}
