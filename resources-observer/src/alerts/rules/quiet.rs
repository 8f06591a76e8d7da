//! Quiet hours: times of the week in which nothing is raised.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;

/// One stretch of each day, or of some days of the week.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "QuietText")]
pub(crate) struct Quiet {
    from: Time,
    to: Time,
    /// Days on which it begins, Monday first.
    days: [bool; 7],
    zone: TimeZone,
    zone_name: Box<str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuietText {
    from: String,
    to: String,
    days: Option<Vec<String>>,
    zone: Option<String>,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl TryFrom<QuietText> for Quiet {
    type Error = String;

    fn try_from(text: QuietText) -> Result<Self, String> {
        let time = |text: &str| {
            let read = text.split_once(':').and_then(|(hour, minute)| {
                let number = |digits: &str| digits.parse::<i8>().ok().filter(|_| digits.len() == 2);
                Time::new(number(hour)?, number(minute)?, 0, 0).ok()
            });
            read.ok_or_else(|| format!("{text:?} is no time of day; write 22:00"))
        };
        let mut days = [text.days.is_none(); 7];
        for day in text.days.iter().flatten() {
            let place = DAYS.iter().position(|known| known == day);
            let place =
                place.ok_or_else(|| format!("{day:?} is no day; write {}", DAYS.join(", ")))?;
            days[place] = true;
        }
        let zone_name = text.zone.as_deref().unwrap_or("UTC");
        Ok(Self {
            from: time(&text.from)?,
            to: time(&text.to)?,
            days,
            zone: zone(zone_name)?,
            zone_name: zone_name.into(),
        })
    }
}

/// A zone by its name, or an offset such as `+02:00`.
fn zone(name: &str) -> Result<TimeZone, String> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let offset = || {
        let (sign, rest) = match name.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let hours = hours.parse::<i32>().ok().filter(|hours| (0..=14).contains(hours))?;
        let minutes = minutes.parse::<i32>().ok().filter(|minutes| (0..60).contains(minutes))?;
        Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().map(TimeZone::fixed)
    };
    offset().or_else(|| TimeZone::get(name).ok()).ok_or_else(|| {
        format!("{name:?} is no time zone; write UTC, +02:00 or a name such as Europe/Berlin")
    })
}

impl Quiet {
    /// Whether it is quiet at this moment.
    pub(crate) fn holds(&self, now_ms: u64) -> bool {
        let moment = i64::try_from(now_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let Some(moment) = moment else { return false };
        let local = self.zone.to_datetime(moment);
        let begins =
            |day: Weekday| self.days[usize::from(day.to_monday_zero_offset().unsigned_abs())];
        let (time, today) = (local.time(), local.date().weekday());
        if self.from < self.to {
            return begins(today) && self.from <= time && time < self.to;
        }
        // Over midnight: of today, or what is left of yesterday's.
        (begins(today) && self.from <= time) || (begins(today.previous()) && time < self.to)
    }
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hour = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
        write!(f, "{}–{} ({}", hour(self.from), hour(self.to), self.zone_name)?;
        if self.days != [true; 7] {
            for (day, _) in DAYS.iter().zip(self.days).filter(|(_, holds)| *holds) {
                write!(f, " {day}")?;
            }
        }
        f.write_str(")")
    }
}
