//! Router, outboxes and store together: what the service's thread does, one step at a time.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use resources_core::bus::{Delivery, Position, Start};
use resources_core::contract::{Acknowledgement, Alert, AlertState, Kind, RoutingKey, Silence};

use resources_core::telemetry::{Span, metrics};

use super::Config;
use super::figures::{Figures, SILENCES_LEFT_OUT};
use super::outbox::{Formed, Outbox};
use super::route::{Target, listeners, targets};
use super::router::{MAX_SILENCES, Router, Told};
use super::store::{Kept, Store};
use crate::database::{Location, OpenError, sqlite_error};

/// Takes alerts and says who is to be told what, stored before anyone hears of it.
#[derive(Debug)]
pub(super) struct Desk {
    config: Arc<Config>,
    router: Router,
    store: Store,
    /// One for each reaction, in their order, and whether it changed since it was stored.
    outboxes: Vec<(Outbox, bool)>,
    /// One for each reaction.
    figures: Vec<Figures>,
    /// The last delivery taken and not stored.
    position: Option<Position>,
    told: Vec<Told>,
    /// Formed and not handed over: the reaction, and what it is told.
    formed: Vec<(usize, Formed)>,
    /// Messages that were none of ours.
    refused: u64,
    /// Whether it was said that there is no room for silences.
    said_full: bool,
    /// How long routing a message takes, and how late it is.
    route: metrics::Histogram,
    lag: metrics::Histogram,
    changed: bool,
}

impl Desk {
    pub(super) fn open(
        config: Arc<Config>,
        location: &Location,
        now_ms: u64,
    ) -> Result<Self, OpenError> {
        // So that it is told before there is anything to count.
        LazyLock::force(&SILENCES_LEFT_OUT);
        let (store, Kept { router, outboxes, position }) = Store::open(location, now_ms)?;
        let mut desk = Self {
            outboxes: config.reactions.iter().map(|_| (Outbox::default(), false)).collect(),
            figures: config.reactions.iter().map(|one| Figures::of(&one.name)).collect(),
            config,
            router,
            store,
            position,
            told: Vec::new(),
            formed: Vec::new(),
            refused: 0,
            said_full: false,
            route: metrics::handler("route"),
            lag: metrics::alert_lag(),
            changed: true,
        };
        for (name, outbox) in outboxes {
            let place = desk.config.reactions.iter().position(|reaction| reaction.name == name);
            match place {
                Some(place) => {
                    // What was under way is told again, as nobody knows whether it was told.
                    desk.formed.extend(outbox.under_way().iter().cloned().map(|one| (place, one)));
                    desk.outboxes[place].0 = outbox;
                }
                None => desk.drop_outbox(&name, &outbox),
            }
        }
        // From when on alerts are told is known from here on, whatever ends the process.
        desk.commit().map_err(|source| sqlite_error(location, source))?;
        Ok(desk)
    }

    fn drop_outbox(&self, name: &str, outbox: &Outbox) {
        let count = outbox.alert_count();
        if count > 0 {
            tracing::warn!(
                reaction = name,
                count,
                "reaction {name} is no more in the rules file: {count} alerts it had yet to tell \
                 are dropped"
            );
        }
        if let Err(error) = self.store.drop_outbox(name) {
            tracing::warn!(%error, "the outbox of reaction {name} cannot be dropped: {error}");
        }
    }

    /// Where to read on.
    pub(super) fn start(&self) -> Start {
        self.position.map_or(Start::First, Start::After)
    }

    pub(super) fn take(&mut self, delivery: &Delivery, now_ms: u64) {
        self.position = delivery.position().or(self.position);
        self.changed = true;
        let (topic, body) = (&*delivery.topic, &*delivery.body);
        let kind = topic.parse::<RoutingKey>().map(|key| key.kind);
        let (begun, span) = (Instant::now(), Span::after(delivery.trace));
        let taken = match kind {
            Ok(Kind::Alert) => Alert::decode(topic, body).map(|alert| {
                self.lag.observe(metrics::seconds_between(alert.timestamp_ms, now_ms));
                self.router.alert(alert, Some(span.trace()), now_ms, &mut self.told);
            }),
            Ok(Kind::Acknowledgement) => {
                Acknowledgement::decode(topic, body).map(|known| self.router.acknowledge(&known))
            }
            Ok(Kind::Silence) => {
                Silence::decode(topic, body).map(|silence| self.router.silence(silence, now_ms))
            }
            _ => {
                self.refused += 1;
                return;
            }
        };
        span.end_process(delivery, taken.as_ref().err().map(|rejection| rejection.kind().into()));
        // Whoever shows alerts sets it aside.
        self.refused += u64::from(taken.is_err());
        self.tell(now_ms);
        self.route.observe(begun.elapsed().as_secs_f64());
    }

    /// Does what time brings about: silences end, groups are due.
    pub(super) fn tick(&mut self, now_ms: u64) {
        self.changed |= self.router.follow_clock(now_ms);
        self.router.tick(now_ms, &mut self.told);
        self.tell(now_ms);
        let Config { reactions, page, .. } = &*self.config;
        for (place, (reaction, (outbox, changed))) in
            reactions.iter().zip(&mut self.outboxes).enumerate()
        {
            while let Some(formed) =
                outbox.form(&reaction.name, now_ms, &reaction.limits, page.as_ref())
            {
                let truncated = formed.notification.truncated.unwrap_or_default();
                self.figures[place].truncated.inc_by(truncated);
                self.formed.push((place, formed.clone()));
                (*changed, self.changed) = (true, true);
            }
        }
    }

    fn tell(&mut self, now_ms: u64) {
        for Told { alert, raised, listeners: told_before, trace } in self.told.drain(..) {
            let Config { reactions, routes, .. } = &*self.config;
            let mut found = targets(routes, &alert, raised.as_ref());
            for (name, &group_ms) in &told_before {
                let place = reactions.iter().position(|reaction| reaction.name == *name);
                if let Some(reaction) = place
                    && !found.iter().any(|target| target.reaction == reaction)
                {
                    found.push(Target { reaction, group_ms });
                }
            }
            if alert.state == AlertState::Raised {
                let named = listeners(routes, &alert, &found).into_iter();
                let named = named.map(|one| (reactions[one.reaction].name.clone(), one.group_ms));
                self.router.note_told(&alert.id, named.collect());
            }
            for target in found {
                let (outbox, changed) = &mut self.outboxes[target.reaction];
                let limits = &reactions[target.reaction].limits;
                outbox.add(&alert, trace, target.group_ms, now_ms, limits);
                *changed = true;
            }
            self.changed = true;
        }
    }

    /// A notification was told, or given up.
    pub(super) fn settled(&mut self, reaction: usize, id: &str) {
        let (outbox, changed) = &mut self.outboxes[reaction];
        if outbox.settle(id) {
            (*changed, self.changed) = (true, true);
        }
    }

    /// When time alone will bring something about.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let outboxes = self.config.reactions.iter().zip(&self.outboxes);
        let due = outboxes.filter_map(|(reaction, (outbox, _))| outbox.due_ms(&reaction.limits));
        due.chain(self.router.due_ms()).min()
    }

    /// Stores everything since the last time; to be called again when it fails.
    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let reactions = self.config.reactions.iter().zip(&self.outboxes);
        let changed = reactions
            .filter(|(_, (_, changed))| *changed)
            .map(|(reaction, (outbox, _))| (&*reaction.name, outbox));
        self.store.store(&mut self.router, changed, self.position)?;
        for ((outbox, changed), figures) in self.outboxes.iter_mut().zip(&self.figures) {
            *changed = false;
            figures.waiting.set(i64::try_from(outbox.alert_count()).unwrap_or(i64::MAX));
        }
        self.changed = false;
        Ok(())
    }

    /// What was formed and is stored, to be handed over.
    pub(super) fn take_formed(&mut self) -> Vec<(usize, Formed)> {
        std::mem::take(&mut self.formed)
    }

    /// Says what was left out since the last time.
    pub(super) fn sum_up(&mut self) {
        let refused = std::mem::take(&mut self.refused);
        if refused > 0 {
            tracing::warn!(refused, "{refused} messages were no alerts and were left out");
        }
        let left_out = self.router.take_silences_left_out();
        SILENCES_LEFT_OUT.inc_by(left_out);
        if left_out > 0 && !std::mem::replace(&mut self.said_full, true) {
            tracing::warn!(
                "there are {MAX_SILENCES} silences, and no room for another: alerts it is for are \
                 told; end some of those there are"
            );
        }
    }
}

#[cfg(test)]
mod tests;
