//! What ends a run early: Ctrl-C, or a supervisor.
//!
//! Owns which signals do. A run that is told to end says what it knows and ends the
//! commands that it started; they are in sessions of their own and hear no Ctrl-C.

use futures_util::future::select_all;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals to end by. Not SIGHUP, which `nohup` has ignored, and a handler would not.
const KINDS: [fn() -> SignalKind; 2] = [SignalKind::interrupt, SignalKind::terminate];

/// Waits for one of them; begins to listen at once. One that no handler can be had
/// for ends the process as usual.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    let signals: Vec<Signal> = KINDS.iter().filter_map(|kind| signal(kind()).ok()).collect();
    async move {
        if signals.is_empty() {
            return std::future::pending().await;
        }
        let received = signals.into_iter().map(|mut signal| {
            Box::pin(async move {
                signal.recv().await;
            })
        });
        select_all(received).await;
    }
}
