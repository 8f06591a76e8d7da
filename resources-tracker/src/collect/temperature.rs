//! Temperature sensors.
//!
//! Reading one may ask a slow bus, so they are read every [`PERIOD`] and listed anew every
//! [`LIST_PERIOD`]; samples in between carry the last reading.

use std::time::{Duration, Instant};

use resources_core::contract::Temperature;
use sysinfo::{Component, Components};

use super::{MOST_LISTED, due, round, usable};

/// How often sensors are read: a temperature in a sample is at most this old.
pub(super) const PERIOD: Duration = Duration::from_secs(5);

/// How often sensors that came or went are noticed.
const LIST_PERIOD: Duration = Duration::from_secs(60);

/// Lowest and highest reading that can be true, in degrees Celsius: below lies what an
/// unconnected sensor shows, above what melts.
const CREDIBLE_CELSIUS: std::ops::RangeInclusive<f64> = -100.0..=1000.0;

/// Reads the sensors of this machine.
#[derive(Debug, Default)]
pub(super) struct Temperatures {
    components: Option<Components>,
    listed: Option<Instant>,
    read: Option<Instant>,
    last: Vec<Temperature>,
}

impl Temperatures {
    /// The sensors' readings, at most [`PERIOD`] old.
    pub(super) fn read(&mut self, now: Instant) -> &[Temperature] {
        if due(self.read, now, PERIOD) {
            self.read = Some(now);
            self.refresh(now);
            let sensors = self.components.iter().flat_map(|components| components.iter());
            self.last = readings(sensors.map(|sensor| (name(sensor), sensor.temperature())));
        }
        &self.last
    }

    fn refresh(&mut self, now: Instant) {
        let components = match &mut self.components {
            Some(components) => components,
            none => match Components::new() {
                Ok(components) => none.insert(components),
                Err(error) => {
                    tracing::debug!(%error, "cannot read temperatures");
                    return;
                }
            },
        };
        if due(self.listed, now, LIST_PERIOD) {
            self.listed = Some(now);
            components.refresh(true);
        } else {
            components.iter_mut().for_each(Component::refresh);
        }
    }
}

/// A sensor of a thermal zone has no label, only an id.
fn name(sensor: &Component) -> &str {
    Some(sensor.label()).filter(|label| !label.is_empty()).or(sensor.id()).unwrap_or("sensor")
}

fn readings<'a>(sensors: impl Iterator<Item = (&'a str, Option<f32>)>) -> Vec<Temperature> {
    let credible = |(label, celsius): (&str, Option<f32>)| {
        let celsius = usable(label, round(f64::from(celsius?)), CREDIBLE_CELSIUS)?;
        Some(Temperature { label: label.into(), celsius })
    };
    let mut readings: Vec<Temperature> = sensors.filter_map(credible).take(MOST_LISTED).collect();
    // The system lists them in no order that holds from one listing to the next.
    readings.sort_by(|a, b| a.label.cmp(&b.label));
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_sensor_can_have_measured_is_left_out() {
        let sensors = [
            ("nvme", Some(38.856)),
            ("core", Some(54.0)),
            ("cold", Some(-128.0)),
            ("hot", Some(65_261.8)),
            ("broken", Some(f32::NAN)),
            ("silent", None),
        ];
        let readings = readings(sensors.into_iter());
        assert_eq!(
            readings,
            [
                Temperature { label: "core".into(), celsius: 54.0 },
                Temperature { label: "nvme".into(), celsius: 38.86 },
            ]
        );
    }
}
