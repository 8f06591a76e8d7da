//! The other end of the WebSocket: what a page makes of the messages it is sent.
//!
//! For programs and tests that follow a dashboard; it does no I/O.

use std::collections::BTreeMap;

use resources_core::contract::HostName;

use crate::protocol::{
    Alerts, Changes, Figures, Info, MAX_ACTIVE, Message, PROTOCOL, Row, Snapshot,
};

/// What a page knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    session: Box<str>,
    number: u64,
    hosts: BTreeMap<u32, Host>,
    alerts: Alerts,
}

/// One host of a [`View`].
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// What hardly ever changes.
    pub info: Info,
    /// Its figures; `None` until the first were told.
    pub figures: Option<Figures>,
}

/// One message, and what it told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The message itself.
    pub message: Message,
    /// The samples it told of: whose, and when they were made, by the clock of the host.
    pub samples: Vec<(HostName, u64)>,
}

/// Why a message cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not of the protocol.
    #[error("not a message of the protocol")]
    Unreadable(#[from] serde_json::Error),
    /// The server speaks another version.
    #[error("the server speaks protocol {0}, not {PROTOCOL}")]
    Protocol(u32),
    /// Messages are missing before it: connect anew.
    #[error("message {got} came after message {known}")]
    Gap {
        /// Number of the message before.
        known: u64,
        /// Its number.
        got: u64,
    },
    /// It tells of a host nobody introduced.
    #[error("nothing is known of the host with index {0}")]
    UnknownIndex(u32),
}

impl View {
    /// Takes in one text frame.
    ///
    /// # Errors
    /// When it does not follow what came before; then nothing more can be taken in.
    pub fn read(&mut self, text: &str) -> Result<Told, ReadError> {
        let message: Message = serde_json::from_str(text)?;
        let samples = match &message {
            Message::Snapshot(snapshot) => self.start_over(snapshot)?,
            Message::Resumed(resumed) => {
                check_protocol(resumed.protocol)?;
                self.session.clone_from(&resumed.session);
                self.number = resumed.number;
                Vec::new()
            }
            Message::Changes(changes) => {
                self.count(changes.number)?;
                self.change(changes)?
            }
            Message::Link { number, .. }
            | Message::History { number, .. }
            | Message::Pipeline { number, .. } => {
                self.count(*number)?;
                Vec::new()
            }
            Message::Alerts(alerts) => {
                if let Some(number) = alerts.number {
                    self.count(number)?;
                }
                self.hear(alerts);
                Vec::new()
            }
            Message::Heartbeat { .. } | Message::Points { .. } | Message::Detail(_) => Vec::new(),
        };
        Ok(Told { message, samples })
    }

    /// Where to go on, as the parameter `resume` has it.
    #[must_use]
    pub fn resume(&self) -> String {
        format!("{}.{}", self.session, self.number)
    }

    /// Number of the last message taken in.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Every host by its index.
    #[must_use]
    pub const fn hosts(&self) -> &BTreeMap<u32, Host> {
        &self.hosts
    }

    /// The host called `name`, and its index.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<(u32, &Host)> {
        let mut hosts = self.hosts.iter();
        hosts.find_map(|(index, host)| (host.info.host.as_str() == name).then_some((*index, host)))
    }

    /// The active alerts it was told of, newest first, how many there are, and how many of each
    /// host, sorted by name.
    #[must_use]
    pub const fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    fn hear(&mut self, told: &Alerts) {
        let mut active = match &told.active {
            Some(active) => active.clone(),
            None => self.alerts.active.take().unwrap_or_default(),
        };
        let is_changed = |id: &str| told.changed.iter().any(|changed| &*changed.id == id);
        active.retain(|known| !told.cleared.contains(&known.id) && !is_changed(&known.id));
        active.extend(told.changed.iter().cloned());
        active.sort_by(|a, b| (b.since_ms, &b.id).cmp(&(a.since_ms, &a.id)));
        active.truncate(MAX_ACTIVE);
        let mut hosts: BTreeMap<HostName, u32> = match told.active {
            Some(_) => BTreeMap::new(),
            None => std::mem::take(&mut self.alerts.hosts).into_iter().collect(),
        };
        hosts.extend(told.hosts.iter().cloned());
        hosts.retain(|_, count| *count > 0);
        self.alerts = Alerts {
            active: Some(active),
            changed: Vec::new(),
            cleared: Vec::new(),
            hosts: hosts.into_iter().collect(),
            ..told.clone()
        };
    }

    fn count(&mut self, number: u64) -> Result<(), ReadError> {
        if number != self.number + 1 {
            return Err(ReadError::Gap { known: self.number, got: number });
        }
        self.number = number;
        Ok(())
    }

    fn start_over(&mut self, snapshot: &Snapshot) -> Result<Vec<(HostName, u64)>, ReadError> {
        check_protocol(snapshot.protocol)?;
        self.session.clone_from(&snapshot.session);
        self.number = snapshot.number;
        self.hosts.clear();
        self.introduce(&snapshot.hosts);
        snapshot.rows.iter().map(|row| self.take(row, snapshot.server_time_ms)).collect()
    }

    fn change(&mut self, changes: &Changes) -> Result<Vec<(HostName, u64)>, ReadError> {
        for index in &changes.gone {
            self.hosts.remove(index);
        }
        self.introduce(&changes.hosts);
        let mut samples = Vec::with_capacity(changes.rows.len() + changes.points.len());
        for row in &changes.rows {
            samples.push(self.take(row, changes.server_time_ms)?);
        }
        for (index, timestamp_ms, _) in &changes.points {
            let host = self.hosts.get(index).ok_or(ReadError::UnknownIndex(*index))?;
            samples.push((host.info.host.clone(), *timestamp_ms));
        }
        Ok(samples)
    }

    fn introduce(&mut self, hosts: &[(u32, Info)]) {
        for (index, info) in hosts {
            let figures = self.hosts.get(index).and_then(|known| known.figures);
            self.hosts.insert(*index, Host { info: info.clone(), figures });
        }
    }

    fn take(&mut self, row: &Row, server_time_ms: u64) -> Result<(HostName, u64), ReadError> {
        let host = self.hosts.get_mut(&row.index).ok_or(ReadError::UnknownIndex(row.index))?;
        let figures = match host.figures {
            None => Figures::first(row, server_time_ms),
            Some(mut figures) => {
                figures.succeed(row, host.info.interval_ms, server_time_ms);
                figures
            }
        };
        host.figures = Some(figures);
        Ok((host.info.host.clone(), figures.timestamp_ms()))
    }
}

const fn check_protocol(protocol: u32) -> Result<(), ReadError> {
    match protocol {
        PROTOCOL => Ok(()),
        other => Err(ReadError::Protocol(other)),
    }
}
