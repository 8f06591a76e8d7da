use proptest::prelude::*;
use resources_core::bus::{Link, LinkState};
use resources_core::contract::{Alert, AlertKind, AlertState, HostName};

use super::*;
use crate::alerts::Event;
use crate::client::View;
use crate::live::journal::Next;
use crate::protocol::{HistoryStatus, Pipeline, PipelineState};

fn live() -> Live {
    let link = Link { state: LinkState::Up, since_ms: 1 };
    let pipeline = Pipeline { state: PipelineState::Flowing, since_ms: 1, waiting_measures: None };
    Live::new(10, std::time::Duration::ZERO, link, HistoryStatus::Off, pipeline)
}

/// A message of the alert with this number, each of a host of its own.
fn alert(number: u64, state: AlertState) -> Event {
    Event::Alert(Alert {
        id: number.to_string().into(),
        host: HostName::new(&format!("web-{number}")).unwrap(),
        resource: None,
        state,
        kind: AlertKind::Silent,
        level: None,
        percentage: None,
        repeat: None,
        since_ms: number,
        timestamp_ms: number,
    })
}

/// A page that reads the journal on from its snapshot.
struct Page {
    view: View,
    cursor: u64,
}

impl Page {
    fn join(live: &Live) -> Self {
        // One made a moment ago would hide what this is about.
        live.state().snapshot = None;
        let begin = live.snapshot();
        let mut view = View::default();
        view.read(&begin.text).unwrap();
        view.read(&begin.alerts.unwrap()).unwrap();
        Self { view, cursor: begin.cursor }
    }

    fn read_on(&mut self, live: &Live) {
        while let Next::Message(text) = live.next(self.cursor) {
            self.view.read(&text).unwrap();
            self.cursor += 1;
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Raise(u64),
    Clear(u64),
    Tell,
    Join,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..6_u64).prop_map(Step::Raise),
        2 => (0..6_u64).prop_map(Step::Clear),
        1 => Just(Step::Tell),
        1 => Just(Step::Join),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    /// Whenever a page comes, between whatever changes and news, it ends up knowing what is.
    #[test]
    fn every_page_knows_what_is_active_whenever_it_came(steps in steps()) {
        let live = live();
        let mut pages = Vec::new();
        for step in steps.into_iter().chain([Step::Join, Step::Tell]) {
            match step {
                Step::Raise(number) => {
                    live.change_alerts(|board| board.apply(alert(number, AlertState::Raised), 1));
                }
                Step::Clear(number) => {
                    live.change_alerts(|board| board.apply(alert(number, AlertState::Cleared), 1));
                }
                Step::Tell => live.push_alerts(1),
                Step::Join => pages.push(Page::join(&live)),
            }
        }
        let all = live.alerts(|board| board.all(1));
        for page in &mut pages {
            page.read_on(&live);
            let known = page.view.alerts();
            prop_assert_eq!(&known.active, &all.active);
            prop_assert_eq!((known.count, known.total), (all.count, all.total));
            prop_assert_eq!(&known.hosts, &all.hosts);
        }
    }
}
