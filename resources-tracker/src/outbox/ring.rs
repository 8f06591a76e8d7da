//! The samples that wait, in order: which leaves next, which goes when there is no more room.

use std::collections::{BTreeMap, BTreeSet};

use crate::spool::Place;

/// One sample held: in memory, on disk, or both.
#[derive(Debug)]
struct Slot<T> {
    item: Option<Box<T>>,
    place: Option<Place>,
    /// The count of dropped samples it tells.
    told: u64,
}

/// Where a sample is to be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum At<'a, T> {
    Memory(&'a T),
    Disk(Place),
}

/// Samples by age. Each has an id, and ids only grow. A sample stays until it is confirmed or
/// dropped. Those in memory are bounded, those on disk by the spool.
#[derive(Debug)]
pub(super) struct Ring<T> {
    slots: BTreeMap<u64, Slot<T>>,
    /// Those not in flight.
    waiting: BTreeSet<u64>,
    in_memory: BTreeSet<u64>,
    capacity: usize,
    next_id: u64,
    /// Samples from this one on are live: they never wait for older ones.
    live_from: u64,
}

/// What a new sample needs before there is room for it in memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Nothing.
    There,
    /// This sample must leave memory: the oldest that waits, or, when none waits, the oldest in
    /// flight, which the broker may have already.
    Needs {
        /// Its id.
        id: u64,
        /// Whether it is on disk as well.
        on_disk: bool,
    },
}

impl<T> Ring<T> {
    /// A ring that holds `capacity` samples in memory, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            slots: BTreeMap::new(),
            waiting: BTreeSet::new(),
            in_memory: BTreeSet::new(),
            capacity: capacity.max(1),
            next_id: 0,
            live_from: 0,
        }
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many are on disk.
    pub(super) fn on_disk(&self) -> usize {
        self.slots.values().filter(|slot| slot.place.is_some()).count()
    }

    /// What the next sample needs.
    pub(super) fn room(&self) -> Room {
        if self.in_memory.len() < self.capacity {
            return Room::There;
        }
        let waits = |id: &&u64| self.waiting.contains(*id);
        // Only what is in flight is passed over, which is a window at most.
        let oldest = self.in_memory.iter().find(waits).or_else(|| self.in_memory.first());
        oldest.map_or(Room::There, |&id| {
            let on_disk = self.slots.get(&id).is_some_and(|slot| slot.place.is_some());
            Room::Needs { id, on_disk }
        })
    }

    /// Adds the newest sample, which tells of `told` dropped ones, and gives its id.
    pub(super) fn push(&mut self, item: T, told: u64) -> u64 {
        let id = self.add(Slot { item: Some(Box::new(item)), place: None, told });
        self.in_memory.insert(id);
        id
    }

    /// Adds a sample that is on disk only.
    pub(super) fn restore(&mut self, place: Place, told: u64) {
        self.add(Slot { item: None, place: Some(place), told });
    }

    fn add(&mut self, slot: Slot<T>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.slots.insert(id, slot);
        self.waiting.insert(id);
        id
    }

    /// The newest sample now, and those to come, are live; all others are backlog.
    pub(super) fn newest_is_live(&mut self) {
        self.live_from = self.slots.last_key_value().map_or(self.next_id, |(&id, _)| id);
    }

    /// The oldest live sample that waits.
    pub(super) fn next_live(&self) -> Option<u64> {
        self.waiting.range(self.live_from..).next().copied()
    }

    /// The oldest sample of the backlog that waits.
    pub(super) fn next_backlog(&self) -> Option<u64> {
        self.waiting.range(..self.live_from).next().copied()
    }

    /// Sample `id` is on its way; gives where it is to be had.
    pub(super) fn begin(&mut self, id: u64) -> Option<At<'_, T>> {
        self.waiting.remove(&id);
        self.at(id)
    }

    /// Where sample `id` is to be had; `None` when it is not held.
    pub(super) fn at(&self, id: u64) -> Option<At<'_, T>> {
        let slot = self.slots.get(&id)?;
        slot.item.as_deref().map(At::Memory).or_else(|| slot.place.map(At::Disk))
    }

    /// Sample `id` did not arrive: it waits again, at its old place.
    pub(super) fn release(&mut self, id: u64) {
        if self.slots.contains_key(&id) {
            self.waiting.insert(id);
        }
    }

    /// Sample `id` is on disk now.
    pub(super) fn place(&mut self, id: u64, place: Place) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.place = Some(place);
        }
    }

    /// Sample `id`, which is on disk, leaves memory.
    pub(super) fn leave_memory(&mut self, id: u64) {
        if let Some(slot) = self.slots.get_mut(&id).filter(|slot| slot.place.is_some()) {
            slot.item = None;
            self.in_memory.remove(&id);
        }
    }

    /// Sample `id` is held no longer; gives what is to be done about it.
    pub(super) fn remove(&mut self, id: u64) -> Option<Removed> {
        let slot = self.slots.remove(&id)?;
        self.waiting.remove(&id);
        self.in_memory.remove(&id);
        Some(Removed { place: slot.place, told: slot.told })
    }

    /// Segment `segment` is on disk no longer: samples that were only there are held no longer,
    /// and given back.
    pub(super) fn forget_segment(&mut self, segment: u64) -> Vec<Removed> {
        let mut lost = Vec::new();
        for (&id, slot) in &mut self.slots {
            if slot.place.is_some_and(|place| place.segment == segment) {
                slot.place = None;
                if slot.item.is_none() {
                    lost.push(id);
                }
            }
        }
        lost.into_iter().filter_map(|id| self.remove(id)).collect()
    }
}

/// What is left to do about a sample that is held no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Removed {
    /// Where it is on disk.
    pub(super) place: Option<Place>,
    /// The count of dropped samples it told.
    pub(super) told: u64,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Begins everything that waits, live samples first, and gives the items in that order.
    fn leave_all(ring: &mut Ring<u64>) -> Vec<u64> {
        let mut order = Vec::new();
        while let Some(id) = ring.next_live().or_else(|| ring.next_backlog()) {
            if let Some(At::Memory(item)) = ring.begin(id) {
                order.push(*item);
            }
        }
        order
    }

    /// Pushes as the outbox does without a disk; gives how many were dropped.
    fn push(ring: &mut Ring<u64>, item: u64) -> u64 {
        let dropped = match ring.room() {
            Room::There => 0,
            Room::Needs { id, .. } => u64::from(ring.remove(id).is_some()),
        };
        ring.push(item, 0);
        dropped
    }

    #[test]
    fn after_an_outage_the_newest_leaves_first_then_the_others_in_order() {
        let mut ring = Ring::new(10);
        for item in 0..4 {
            push(&mut ring, item);
        }
        ring.newest_is_live();
        assert_eq!(leave_all(&mut ring), [3, 0, 1, 2]);
    }

    #[test]
    fn what_is_sampled_after_the_outage_goes_before_the_backlog() {
        let mut ring = Ring::new(10);
        for item in 0..3 {
            push(&mut ring, item);
        }
        ring.newest_is_live();
        for item in 3..5 {
            push(&mut ring, item);
        }
        assert_eq!(leave_all(&mut ring), [2, 3, 4, 0, 1]);
    }

    #[test]
    fn what_did_not_arrive_leaves_again_at_its_old_place() {
        let mut ring = Ring::new(10);
        let ids: Vec<u64> = (0..3).map(|item| ring.push(item, 0)).collect();
        ring.begin(ids[0]);
        ring.begin(ids[1]);
        ring.release(ids[1]);
        ring.release(ids[0]);
        assert_eq!(ring.next_live(), Some(ids[0]));
        ring.remove(ids[0]);
        assert_eq!(ring.next_live(), Some(ids[1]));
        assert_eq!(ring.len(), 2);
    }

    #[test]
    fn a_full_ring_drops_the_oldest_that_waits() {
        let mut ring = Ring::new(2);
        assert_eq!((push(&mut ring, 0), push(&mut ring, 1)), (0, 0));
        ring.begin(0);
        assert_eq!((push(&mut ring, 2), push(&mut ring, 3)), (1, 1));
        ring.remove(0);
        assert_eq!(push(&mut ring, 4), 0);
        assert_eq!(leave_all(&mut ring), [3, 4]);
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
                    dropped += push(ring, pushed);
                    pushed += 1;
                }
                Event::Begin => {
                    let next = ring.next_live().or_else(|| ring.next_backlog());
                    in_flight.extend(next.filter(|id| ring.begin(*id).is_some()));
                }
                Event::Confirm(n) if n < in_flight.len() => {
                    let id = in_flight.remove(n);
                    if ring.remove(id).is_some() {
                        confirmed.insert(id);
                    }
                }
                Event::Release(n) if n < in_flight.len() => ring.release(in_flight.remove(n)),
                Event::Confirm(_) | Event::Release(_) => {}
                Event::LinkCameBack => ring.newest_is_live(),
            }
            assert!(ring.len() <= ring.capacity());
            assert!(ring.waiting.iter().all(|id| ring.slots.contains_key(id)));
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
            let held: BTreeSet<u64> = ring.slots.keys().copied().collect();
            let all: BTreeSet<u64> = confirmed.union(&held).copied().collect();
            prop_assert_eq!(all, (0..pushed).collect::<BTreeSet<u64>>());
        }

        #[test]
        fn what_waits_leaves_in_order_after_at_most_one_newest(
            capacity in 1usize..20, events in prop::collection::vec(event(), 0..300),
        ) {
            let mut ring = Ring::new(capacity);
            play(&mut ring, &events);
            ring.newest_is_live();
            let mut order = leave_all(&mut ring);
            if order.last().is_some_and(|last| *last < order[0]) {
                order.rotate_left(1);
            }
            prop_assert!(order.is_sorted());
        }
    }
}
