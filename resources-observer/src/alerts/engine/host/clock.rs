//! What a step of our own clock does to what is known of a host.

use super::super::condition::told_set_back;
use super::Host;

impl Host {
    /// Our clock was set back to `now_ms`: nothing that it times was in the future.
    pub(in super::super) fn set_back(&mut self, now_ms: u64) {
        self.received_ms = self.received_ms.min(now_ms);
        self.delay_since_ms = self.delay_since_ms.min(now_ms);
        self.due_ms = 0;
        self.stopped_ms = self.stopped_ms.map(|since_ms| since_ms.min(now_ms));
        let restarted_until_ms = now_ms.saturating_add(self.rules.restarted.clear_after_ms);
        self.restarted_until_ms = self.restarted_until_ms.min(restarted_until_ms);
        for condition in [&mut self.silent, &mut self.restarted, &mut self.clock] {
            condition.clock_set_back(now_ms);
            condition.told_set_back(now_ms);
        }
        told_set_back(&mut self.stopped, now_ms);
        self.resources.iter_mut().for_each(|resource| resource.told_set_back(now_ms));
    }

    /// Our clock may have been set forward: how long samples take by it is to be found anew. A
    /// silence is by the clock of before, and so is the delay that says when it ends.
    pub(in super::super) const fn set_forward(&mut self) {
        if !self.silent.holds() {
            self.delay_ms = None;
        }
    }
}
