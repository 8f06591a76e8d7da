//! The figures of one host as numbers, of which only those that changed are told.

use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How long a sample may have been here before it is told, without that being told too.
const UNTOLD_AGE_MS: u64 = 150;

/// Time between samples of a tracker that promises none.
const USUAL_INTERVAL_MS: u64 = 1_000;

/// How many fields there are.
const FIELDS: usize = Field::ALL.len();

/// A figure that is not there.
const ABSENT: i64 = i64::MIN;

/// What a row may tell, in the order of its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// When the host sampled, by its own clock.
    Timestamp,
    /// When the server received it.
    Received,
    /// The highest level of all resources: 0 LOW, 1 MEDIUM, 2 HIGH.
    Level,
    /// CPU in use, in tenths of a percent.
    Cpu,
    /// Main memory in use, in tenths of a percent.
    Memory,
    /// Swap in use, in tenths of a percent.
    Swap,
    /// The fullest disk, in tenths of a percent.
    Disk,
    /// Load average over a minute, in hundredths.
    Load,
    /// Received by all interfaces, in bytes a second.
    ReceivedBytesPerSecond,
    /// Transmitted by all interfaces, in bytes a second.
    TransmittedBytesPerSecond,
    /// The hottest sensor, in degrees Celsius.
    Temperature,
    /// Level of the CPU.
    CpuLevel,
    /// Level of main memory.
    MemoryLevel,
    /// Level of swap.
    SwapLevel,
    /// The highest level of all disks.
    DiskLevel,
}

impl Field {
    /// Every field; its place is its bit.
    pub const ALL: [Self; 15] = [
        Self::Timestamp,
        Self::Received,
        Self::Level,
        Self::Cpu,
        Self::Memory,
        Self::Swap,
        Self::Disk,
        Self::Load,
        Self::ReceivedBytesPerSecond,
        Self::TransmittedBytesPerSecond,
        Self::Temperature,
        Self::CpuLevel,
        Self::MemoryLevel,
        Self::SwapLevel,
        Self::DiskLevel,
    ];

    /// Its name on the page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Received => "received",
            Self::Level => "level",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Swap => "swap",
            Self::Disk => "disk",
            Self::Load => "load",
            Self::ReceivedBytesPerSecond => "received_bytes_per_second",
            Self::TransmittedBytesPerSecond => "transmitted_bytes_per_second",
            Self::Temperature => "temperature",
            Self::CpuLevel => "cpu_level",
            Self::MemoryLevel => "memory_level",
            Self::SwapLevel => "swap_level",
            Self::DiskLevel => "disk_level",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// The figures of one host; each may be absent but the two times, which are milliseconds since
/// the epoch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Figures([i64; FIELDS]);

impl Figures {
    /// Nothing but when it was sampled and received.
    #[must_use]
    pub fn new(timestamp_ms: u64, received_ms: u64) -> Self {
        let mut figures = Self([ABSENT; FIELDS]);
        figures.set(Field::Timestamp, Some(signed(timestamp_ms)));
        figures.set(Field::Received, Some(signed(received_ms)));
        figures
    }

    /// The value of `field`, when it is there.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<i64> {
        let value = self.0[field as usize];
        (value != ABSENT).then_some(value)
    }

    /// Gives `field` another value, or none.
    pub fn set(&mut self, field: Field, value: Option<i64>) {
        self.0[field as usize] = value.unwrap_or(ABSENT);
    }

    /// When the host sampled, by its own clock.
    #[must_use]
    pub fn timestamp_ms(&self) -> u64 {
        self.0[Field::Timestamp as usize].unsigned_abs()
    }

    /// When the server received it; up to 150 ms later for whoever was told.
    #[must_use]
    pub fn received_ms(&self) -> u64 {
        self.0[Field::Received as usize].unsigned_abs()
    }

    /// The row that tells all of them.
    #[must_use]
    pub fn row(&self, index: u32, server_time_ms: u64) -> Row {
        let mut row = Row { index, mask: 0, values: self.0 };
        for field in Field::ALL {
            let value = self.0[field as usize];
            let is_told = field != Field::Received && value != ABSENT;
            row.mask |= if is_told { field.bit() } else { 0 };
        }
        self.tell_age(&mut row, server_time_ms);
        row
    }

    /// The row that tells what is other than in `told`, the figures told last.
    #[must_use]
    pub fn row_since(
        &self,
        told: &Self,
        index: u32,
        interval_ms: Option<u64>,
        server_time_ms: u64,
    ) -> Row {
        let mut row = Row { index, mask: 0, values: self.0 };
        for field in &Field::ALL[Field::Level as usize..] {
            let is_told = self.0[*field as usize] != told.0[*field as usize];
            row.mask |= if is_told { field.bit() } else { 0 };
        }
        let since_ms = self.0[Field::Timestamp as usize] - told.0[Field::Timestamp as usize];
        if since_ms != signed(interval_ms.unwrap_or(USUAL_INTERVAL_MS)) {
            row.tell(Field::Timestamp, since_ms);
        }
        self.tell_age(&mut row, server_time_ms);
        row
    }

    fn tell_age(&self, row: &mut Row, server_time_ms: u64) {
        let age_ms = server_time_ms.saturating_sub(self.received_ms());
        if age_ms > UNTOLD_AGE_MS {
            row.tell(Field::Received, signed(age_ms));
        }
    }

    /// The figures that the first `row` of a host tells, in a message of `server_time_ms`.
    #[must_use]
    pub fn first(row: &Row, server_time_ms: u64) -> Self {
        let mut figures = Self::new(0, 0);
        figures.take(row, server_time_ms, 0);
        figures
    }

    /// Takes what a further `row` tells, in a message of `server_time_ms`. `interval_ms` is what
    /// the host's information says by then.
    pub fn succeed(&mut self, row: &Row, interval_ms: Option<u64>, server_time_ms: u64) {
        let interval_ms = signed(interval_ms.unwrap_or(USUAL_INTERVAL_MS));
        let since_ms = row.get(Field::Timestamp).unwrap_or(interval_ms);
        let timestamp_ms = self.0[Field::Timestamp as usize].saturating_add(since_ms);
        self.take(row, server_time_ms, timestamp_ms);
        self.0[Field::Timestamp as usize] = timestamp_ms;
    }

    fn take(&mut self, row: &Row, server_time_ms: u64, timestamp_ms: i64) {
        for field in Field::ALL {
            if row.mask & field.bit() != 0 {
                self.0[field as usize] = row.values[field as usize];
            }
        }
        let age_ms = row.get(Field::Received).unwrap_or_default();
        self.0[Field::Received as usize] = signed(server_time_ms).saturating_sub(age_ms);
        if self.0[Field::Timestamp as usize] == ABSENT {
            self.0[Field::Timestamp as usize] = timestamp_ms;
        }
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = Field::ALL.into_iter().filter_map(|field| Some((field, self.get(field)?)));
        f.debug_map().entries(there).finish()
    }
}

/// What is told of one host's figures: its index, a bit for each field that is told, and their
/// values, the lowest bit first; `null` for one that is no more.
///
/// The timestamp is told in full in the first row of a host, and else as the milliseconds since
/// the one told before; what was received is told as the milliseconds before the message.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(type = "[index: number, mask: number, ...values: (number | null)[]]"))]
pub struct Row {
    /// Which host.
    pub index: u32,
    mask: u32,
    values: [i64; FIELDS],
}

impl Row {
    /// What it says of `field`; `None` when nothing, or that it is no more.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<i64> {
        let value = self.values[field as usize];
        (self.mask & field.bit() != 0 && value != ABSENT).then_some(value)
    }

    fn tell(&mut self, field: Field, value: i64) {
        self.mask |= field.bit();
        self.values[field as usize] = value;
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = Field::ALL.into_iter().filter(|field| self.mask & field.bit() != 0);
        f.debug_map()
            .entry(&"index", &self.index)
            .entries(told.map(|field| (field, self.get(field))))
            .finish()
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = 2 + usize::try_from(self.mask.count_ones()).unwrap_or(0);
        let mut row = serializer.serialize_seq(Some(length))?;
        row.serialize_element(&self.index)?;
        row.serialize_element(&self.mask)?;
        for field in Field::ALL {
            if self.mask & field.bit() != 0 {
                row.serialize_element(&self.get(field))?;
            }
        }
        row.end()
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor;
        impl<'de> Visitor<'de> for RowVisitor {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[index, mask, a value for each bit set in it]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Row, A::Error> {
                use serde::de::Error as _;
                let missing = |at: usize| A::Error::invalid_length(at, &RowVisitor);
                let index = seq.next_element()?.ok_or_else(|| missing(0))?;
                let mask: u32 = seq.next_element()?.ok_or_else(|| missing(1))?;
                let mut row = Row { index, mask, values: [ABSENT; FIELDS] };
                let fields = Field::ALL.into_iter().filter(|field| mask & field.bit() != 0);
                for (at, field) in fields.enumerate() {
                    let value: Option<i64> = seq.next_element()?.ok_or_else(|| missing(at + 2))?;
                    row.values[field as usize] = value.unwrap_or(ABSENT);
                }
                // What a newer server knows besides.
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(row)
            }
        }
        deserializer.deserialize_seq(RowVisitor)
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn figures(timestamp_ms: u64, values: &[(Field, i64)]) -> Figures {
        let mut figures = Figures::new(timestamp_ms, 10_000);
        for (field, value) in values {
            figures.set(*field, Some(*value));
        }
        figures
    }

    fn text(row: &Row) -> String {
        serde_json::to_string(row).unwrap()
    }

    #[test]
    fn the_place_of_a_field_is_its_bit() {
        for (place, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, place, "{}", field.name());
        }
    }

    #[test]
    fn a_first_row_tells_all_there_is() {
        let figures = figures(1_000, &[(Field::Level, 0), (Field::Cpu, 253), (Field::Load, 41)]);
        assert_eq!(text(&figures.row(7, 10_150)), "[7,141,1000,0,253,41]");
        assert_eq!(text(&figures.row(7, 10_151)), "[7,143,1000,151,0,253,41]");
    }

    #[test]
    fn a_further_row_tells_what_changed_and_is_there_even_when_nothing_did() {
        let before = figures(1_000, &[(Field::Level, 0), (Field::Cpu, 253), (Field::Load, 41)]);
        let mut after = figures(2_000, &[(Field::Level, 0), (Field::Cpu, 253), (Field::Load, 41)]);
        assert_eq!(text(&after.row_since(&before, 7, None, 10_000)), "[7,0]");
        assert_eq!(text(&after.row_since(&before, 7, Some(500), 10_000)), "[7,1,1000]");
        after.set(Field::Load, None);
        after.set(Field::Cpu, Some(0));
        assert_eq!(text(&after.row_since(&before, 7, Some(1_000), 10_000)), "[7,136,0,null]");
        assert_eq!(text(&before.row_since(&after, 7, None, 10_000)), "[7,137,-1000,253,41]");
    }

    #[test]
    fn bits_that_are_not_known_are_read_past() {
        let row: Row = serde_json::from_str("[7,32776,253,1]").unwrap();
        assert_eq!((row.index, row.get(Field::Cpu)), (7, Some(253)));
        for bad in ["[]", "[1]", "[1,8]", "[1,8,\"x\"]", "[-1,0]", "{}"] {
            assert!(serde_json::from_str::<Row>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whoever_reads_the_rows_has_the_figures(
            steps in prop::collection::vec(
                (
                    0_u64..5_000,
                    prop::collection::vec(prop::option::of(-50_i64..2_000), FIELDS - 2),
                    prop::option::of(1_u64..3_000),
                    0_u64..400,
                ),
                1..20,
            ),
        ) {
            let (mut told, mut read): (Option<Figures>, Option<Figures>) = (None, None);
            for (timestamp_ms, values, interval_ms, age_ms) in steps {
                let mut now = Figures::new(timestamp_ms, 10_000);
                for (field, value) in Field::ALL[2..].iter().zip(values) {
                    now.set(*field, value);
                }
                let at = 10_000 + age_ms;
                let row = told.map_or_else(
                    || now.row(1, at),
                    |told| now.row_since(&told, 1, interval_ms, at),
                );
                let row: Row = serde_json::from_str(&text(&row)).unwrap();
                match &mut read {
                    None => read = Some(Figures::first(&row, at)),
                    Some(read) => read.succeed(&row, interval_ms, at),
                }
                told = Some(now);
                let mut seen = read.unwrap();
                prop_assert!(seen.received_ms() - 10_000 <= UNTOLD_AGE_MS);
                seen.set(Field::Received, Some(10_000));
                prop_assert_eq!(seen, now);
            }
        }
    }
}
