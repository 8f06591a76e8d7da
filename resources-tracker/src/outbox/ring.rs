//! The samples that wait, in order: which leaves next, which goes when there is no more room.

use std::collections::VecDeque;

/// One sample held.
#[derive(Debug)]
struct Slot<T> {
    id: u64,
    item: T,
    in_flight: bool,
}

/// A bounded ring of samples, oldest first. A sample stays until it is confirmed.
#[derive(Debug)]
pub(super) struct Ring<T> {
    slots: VecDeque<Slot<T>>,
    capacity: usize,
    next_id: u64,
    /// The next to leave is the newest.
    newest_first: bool,
    /// Dropped since the ring was last full for the first time.
    dropped: Option<u64>,
}

/// What a new sample did to the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// There was room.
    Kept,
    /// The oldest was dropped, the first for a while.
    DroppingBegan,
    /// Another one was dropped.
    Dropped,
    /// There was room again, after this many were dropped.
    DroppingEnded { dropped: u64 },
}

impl<T> Ring<T> {
    /// A ring that holds `capacity` samples, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            capacity: capacity.max(1),
            next_id: 0,
            newest_first: false,
            dropped: None,
        }
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many were dropped since the ring became full; `None` when it is not.
    pub(super) const fn dropped(&self) -> Option<u64> {
        self.dropped
    }

    /// Adds the newest sample. In a full ring the oldest that waits is dropped for it; one that
    /// is in flight only when none waits, as the broker may have it already.
    pub(super) fn push(&mut self, item: T) -> Pushed {
        let pushed = if self.slots.len() >= self.capacity {
            let oldest = self.slots.iter().position(|slot| !slot.in_flight).unwrap_or(0);
            self.slots.remove(oldest);
            let before = self.dropped.unwrap_or(0);
            self.dropped = Some(before + 1);
            if before == 0 { Pushed::DroppingBegan } else { Pushed::Dropped }
        } else {
            let ended = |dropped| Pushed::DroppingEnded { dropped };
            self.dropped.take().map_or(Pushed::Kept, ended)
        };
        self.slots.push_back(Slot { id: self.next_id, item, in_flight: false });
        self.next_id += 1;
        pushed
    }

    /// The newest sample leaves next, then the others in order: after an outage the present is
    /// worth more than the past.
    pub(super) const fn newest_first(&mut self) {
        self.newest_first = true;
    }

    /// Sends the next sample on its way; `None` when none waits.
    pub(super) fn begin_next(&mut self) -> Option<(u64, &T)> {
        let newest_first = std::mem::take(&mut self.newest_first);
        let slot = if newest_first {
            self.slots.iter_mut().rev().find(|slot| !slot.in_flight)
        } else {
            self.slots.iter_mut().find(|slot| !slot.in_flight)
        }?;
        slot.in_flight = true;
        Some((slot.id, &slot.item))
    }

    /// The broker has sample `id`: it is held no longer.
    pub(super) fn confirm(&mut self, id: u64) {
        if let Some(place) = self.place(id) {
            self.slots.remove(place);
        }
    }

    /// Sample `id` did not arrive: it waits again, at its old place.
    pub(super) fn release(&mut self, id: u64) {
        if let Some(slot) = self.place(id).and_then(|place| self.slots.get_mut(place)) {
            slot.in_flight = false;
        }
    }

    /// Where sample `id` is; ids only grow. `None` when it was dropped while in flight.
    fn place(&self, id: u64) -> Option<usize> {
        self.slots.binary_search_by_key(&id, |slot| slot.id).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn after_an_outage_the_newest_leaves_first_then_the_others_in_order() {
        let mut ring = Ring::new(10);
        for item in 0..4 {
            ring.push(item);
        }
        ring.newest_first();
        let order: Vec<i32> = std::iter::from_fn(|| ring.begin_next().map(|(_, i)| *i)).collect();
        assert_eq!(order, [3, 0, 1, 2]);
    }

    #[test]
    fn what_did_not_arrive_leaves_again_at_its_old_place() {
        let mut ring = Ring::new(10);
        for item in 0..3 {
            ring.push(item);
        }
        let first = ring.begin_next().unwrap().0;
        let second = ring.begin_next().unwrap().0;
        ring.release(second);
        ring.release(first);
        assert_eq!(ring.begin_next(), Some((first, &0)));
        ring.confirm(first);
        assert_eq!(ring.begin_next(), Some((second, &1)));
        assert_eq!(ring.len(), 2);
    }

    #[test]
    fn a_full_ring_drops_the_oldest_that_waits_and_counts_it() {
        let mut ring = Ring::new(2);
        assert_eq!(ring.push(0), Pushed::Kept);
        assert_eq!(ring.push(1), Pushed::Kept);
        let first = ring.begin_next().unwrap().0;
        assert_eq!(ring.push(2), Pushed::DroppingBegan);
        assert_eq!(ring.push(3), Pushed::Dropped);
        ring.confirm(first);
        assert_eq!(ring.dropped(), Some(2));
        assert_eq!(ring.push(4), Pushed::DroppingEnded { dropped: 2 });
        let left: Vec<i32> = std::iter::from_fn(|| ring.begin_next().map(|(_, i)| *i)).collect();
        assert_eq!(left, [3, 4]);
    }

    /// What can happen to a ring.
    #[derive(Debug, Clone, Copy)]
    enum Event {
        Push,
        Begin,
        /// Of those in flight, this one arrives.
        Confirm(usize),
        /// Of those in flight, this one does not.
        Release(usize),
        LinkCameBack,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => Just(Event::Push),
            3 => Just(Event::Begin),
            2 => (0usize..64).prop_map(Event::Confirm),
            1 => (0usize..64).prop_map(Event::Release),
            1 => Just(Event::LinkCameBack),
        ]
    }

    /// Plays `events`; gives what was pushed, confirmed, and counted as dropped.
    fn play(ring: &mut Ring<u64>, events: &[Event]) -> (u64, BTreeSet<u64>, u64) {
        let (mut pushed, mut confirmed, mut dropped) = (0, BTreeSet::new(), 0);
        let mut in_flight: Vec<u64> = Vec::new();
        for event in events {
            match *event {
                Event::Push => {
                    let done = ring.push(pushed);
                    dropped += u64::from(matches!(done, Pushed::DroppingBegan | Pushed::Dropped));
                    pushed += 1;
                }
                Event::Begin => in_flight.extend(ring.begin_next().map(|(id, _)| id)),
                Event::Confirm(n) if n < in_flight.len() => {
                    let id = in_flight.remove(n);
                    if ring.place(id).is_some() {
                        confirmed.insert(id);
                    }
                    ring.confirm(id);
                }
                Event::Release(n) if n < in_flight.len() => ring.release(in_flight.remove(n)),
                Event::Confirm(_) | Event::Release(_) => {}
                Event::LinkCameBack => ring.newest_first(),
            }
            assert!(ring.len() <= ring.capacity());
        }
        (pushed, confirmed, dropped)
    }

    proptest! {
        #[test]
        fn every_sample_is_held_confirmed_or_counted_as_dropped(
            capacity in 1usize..20, events in prop::collection::vec(event(), 0..300),
        ) {
            let mut ring = Ring::new(capacity);
            let (pushed, confirmed, dropped) = play(&mut ring, &events);
            prop_assert_eq!(confirmed.len() as u64 + dropped + ring.len() as u64, pushed);
        }

        #[test]
        fn nothing_is_lost_below_capacity(events in prop::collection::vec(event(), 0..300)) {
            let mut ring = Ring::new(300);
            let (pushed, confirmed, dropped) = play(&mut ring, &events);
            prop_assert_eq!(dropped, 0);
            let held: BTreeSet<u64> = ring.slots.iter().map(|slot| slot.item).collect();
            let all: BTreeSet<u64> = confirmed.union(&held).copied().collect();
            prop_assert_eq!(all, (0..pushed).collect::<BTreeSet<u64>>());
        }

        #[test]
        fn what_waits_leaves_in_order_after_at_most_one_newest(
            capacity in 1usize..20, events in prop::collection::vec(event(), 0..300),
        ) {
            let mut ring = Ring::new(capacity);
            play(&mut ring, &events);
            ring.newest_first();
            let mut order: Vec<u64> =
                std::iter::from_fn(|| ring.begin_next().map(|(_, item)| *item)).collect();
            if !order.is_empty() {
                let newest = order.remove(0);
                prop_assert!(order.iter().all(|item| *item < newest));
                prop_assert!(order.is_sorted());
            }
        }
    }
}
