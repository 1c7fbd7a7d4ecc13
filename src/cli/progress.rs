//! What each address is doing, on standard error, while the user waits.
//!
//! Owns the view of [`Event`]s. Refuses to know where events come from, and to
//! keep anything.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mxray::model::session::Stage;
use mxray::plan::budget;
use mxray::report::escape::{escape, escape_name};
use mxray::survey::Event;

use crate::cli::terminal::Terminal;

/// Addresses shown at once; the others are counted.
const ROWS: usize = 12;

/// How often the view is drawn, per second.
const DRAWN_PER_SECOND: u8 = 10;

/// Shows events as they come; see [`Terminal::progress`].
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    terminal: &'a Terminal,
    view: Option<View>,
}

impl<'a> Progress<'a> {
    /// A view that is drawn only if `visible`; warnings are shown in any case.
    pub(crate) fn new(terminal: &'a Terminal, visible: bool) -> Self {
        let target = || ProgressDrawTarget::stderr_with_hz(DRAWN_PER_SECOND);
        Self { terminal, view: visible.then(|| View::new(target())) }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &Event) {
        if let Event::VantageFault { vantage, fault } = event {
            self.warn(&format!("vantage point {vantage}: {fault}"));
        }
        if let Some(view) = &mut self.view {
            view.show(event);
        }
    }

    /// Says something at once, above the view: a resolver that does not answer.
    pub(crate) fn warn(&self, text: &str) {
        match &self.view {
            Some(view) => view.bars.suspend(|| self.terminal.warning(text)),
            None => self.terminal.warning(text),
        }
    }
}

impl Drop for Progress<'_> {
    /// The view leaves nothing behind.
    fn drop(&mut self) {
        if let Some(view) = &self.view {
            let _ = view.bars.clear();
        }
    }
}

#[derive(Debug)]
struct View {
    bars: MultiProgress,
    head: ProgressBar,
    /// Why more is asked; a row only once there is a reason.
    why: Option<ProgressBar>,
    rows: BTreeMap<(String, IpAddr), ProgressBar>,
    count: Count,
}

/// How far the run is.
#[derive(Debug, Default)]
struct Count {
    resolving: Vec<String>,
    fetching: Vec<String>,
    planned: usize,
    done: usize,
}

impl View {
    fn new(target: ProgressDrawTarget) -> Self {
        let bars = MultiProgress::with_draw_target(target);
        let head = bars.add(row());
        Self { bars, head, why: None, rows: BTreeMap::new(), count: Count::default() }
    }

    fn show(&mut self, event: &Event) {
        self.count.add(event);
        self.head.set_message(self.count.text());
        match event {
            Event::Resolving { .. }
            | Event::FetchingPolicy { .. }
            | Event::PolicyFetched { .. }
            | Event::VantageFault { .. }
            | Event::Planned { .. } => {}
            Event::Suspicion { why, .. } => {
                let row = self.why.get_or_insert_with(|| self.bars.insert_after(&self.head, row()));
                row.set_message(escape(why).into_owned());
            }
            Event::Stage { host, ip, stage } => self.set_row(host, *ip, stage_text(*stage)),
            Event::Again { host, ip, why } => self.set_row(host, *ip, why),
            Event::Range { host, ip, sessions } => {
                let most = budget::RANGE_SESSIONS;
                let doing = format!("versions and suites, session {sessions} of up to {most}");
                self.set_row(host, *ip, &doing);
            }
            Event::Done { host, ip } => self.remove_row(host, *ip),
        }
    }

    fn set_row(&mut self, host: &str, ip: IpAddr, doing: &str) {
        let key = (host.to_owned(), ip);
        if !self.rows.contains_key(&key) {
            if self.rows.len() == ROWS {
                return;
            }
            self.rows.insert(key.clone(), self.bars.add(row()));
        }
        if let Some(row) = self.rows.get(&key) {
            row.set_message(row_text(host, ip, doing));
        }
    }

    fn remove_row(&mut self, host: &str, ip: IpAddr) {
        if let Some(row) = self.rows.remove(&(host.to_owned(), ip)) {
            row.finish_and_clear();
            self.bars.remove(&row);
        }
    }
}

impl Count {
    fn add(&mut self, event: &Event) {
        match event {
            Event::Resolving { target } => self.resolving.push(target.clone()),
            Event::FetchingPolicy { target } => self.fetching.push(target.clone()),
            Event::PolicyFetched { target } => self.fetching.retain(|name| name != target),
            Event::Planned { target, probes } => {
                self.resolving.retain(|name| name != target);
                self.planned += probes;
            }
            Event::Done { .. } => self.done += 1,
            Event::Stage { .. }
            | Event::Again { .. }
            | Event::Range { .. }
            | Event::Suspicion { .. }
            | Event::VantageFault { .. } => {}
        }
    }

    fn text(&self) -> String {
        let lookups = doing("looking up", &self.resolving);
        let fetches = doing("fetching the policy of", &self.fetching);
        format!("{} of {} addresses done{lookups}{fetches}", self.done, self.planned)
    }
}

/// What is done for these targets; nothing where there are none.
fn doing(what: &str, targets: &[String]) -> String {
    match targets {
        [] => String::new(),
        [target] => format!("; {what} {}", escape_name(target)),
        [target, others @ ..] => {
            format!("; {what} {} and {} more", escape_name(target), others.len())
        }
    }
}

fn row() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn stage_text(stage: Stage) -> &'static str {
    match stage {
        Stage::Connected => "connecting",
        Stage::Greeting => "waiting for the greeting",
        Stage::Ehlo => "EHLO",
        Stage::Starttls => "STARTTLS",
        Stage::Handshake => "TLS handshake",
        Stage::EhloTls => "EHLO inside TLS",
        Stage::Quit => "QUIT",
    }
}

fn row_text(host: &str, ip: IpAddr, doing: &str) -> String {
    format!("{} [{ip}] {}", escape_name(host), escape(doing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn host() -> String {
        "mx1.example.net".to_owned()
    }

    fn stage(last: u8, stage: Stage) -> Event {
        Event::Stage { host: host(), ip: ip(last), stage }
    }

    fn done(last: u8) -> Event {
        Event::Done { host: host(), ip: ip(last) }
    }

    #[test]
    fn a_row_lives_as_long_as_its_address_is_asked() {
        let mut view = View::new(ProgressDrawTarget::hidden());
        view.show(&stage(1, Stage::Connected));
        view.show(&stage(1, Stage::Greeting));
        view.show(&stage(2, Stage::Connected));
        assert_eq!(view.rows.len(), 2);
        view.show(&Event::Again { host: host(), ip: ip(1), why: "once more" });
        assert_eq!(view.rows[&(host(), ip(1))].message(), "mx1.example.net [192.0.2.1] once more");
        view.show(&done(1));
        assert_eq!(view.rows.len(), 1);
        assert_eq!(view.count.done, 1);
    }

    #[test]
    fn rows_are_capped_and_freed_rows_are_used_again() {
        let mut view = View::new(ProgressDrawTarget::hidden());
        for last in 1..100 {
            view.show(&stage(last, Stage::Connected));
        }
        assert_eq!(view.rows.len(), ROWS);
        view.show(&done(1));
        view.show(&stage(99, Stage::Greeting));
        assert!(view.rows.contains_key(&(host(), ip(99))));
    }

    #[test]
    fn the_head_counts() {
        let mut count = Count::default();
        for target in ["a.example", "b.example"] {
            count.add(&Event::Resolving { target: target.to_owned() });
        }
        assert_eq!(count.text(), "0 of 0 addresses done; looking up a.example and 1 more");
        for target in ["a.example", "b.example"] {
            count.add(&Event::Planned { target: target.to_owned(), probes: 2 });
        }
        count.add(&done(1));
        assert_eq!(count.text(), "1 of 4 addresses done");
        count.add(&Event::FetchingPolicy { target: "a.example".to_owned() });
        assert_eq!(count.text(), "1 of 4 addresses done; fetching the policy of a.example");
        count.add(&Event::PolicyFetched { target: "a.example".to_owned() });
        assert_eq!(count.text(), "1 of 4 addresses done");
    }

    #[test]
    fn a_row_shows_nothing_raw() {
        let text = row_text("mx\x1b[2J.example", ip(1), "a\rb");
        assert_eq!(text, "mx\\x1b[2J.example [192.0.2.1] a\\x0db");
    }
}
