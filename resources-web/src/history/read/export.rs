//! All rows of a tier, in order, a page at a time.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::plan::Range;
use super::{Cell, cell, resource_id, seconds, tables};
use crate::history::tier::Tier;

/// Series looked at for one page at most, so that one in which many hold nothing ends too.
const MAX_SERIES: usize = 1_000;

/// Which rows.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) tier: Tier,
    /// Buckets that start in it.
    pub(crate) range: Range,
    pub(crate) hosts: Hosts,
    /// Every one when there is none.
    pub(crate) resources: Vec<Box<str>>,
}

/// Hosts still to be told.
#[derive(Debug)]
pub(crate) enum Hosts {
    /// All that history has, after the one with this id; ids are above 0.
    After(i64),
    /// These, by id and name.
    These(std::vec::IntoIter<(i64, Box<str>)>),
}

impl Hosts {
    fn next(&mut self, connection: &Connection) -> rusqlite::Result<Option<(i64, Box<str>)>> {
        match self {
            Self::These(hosts) => Ok(hosts.next()),
            Self::After(last) => {
                let mut statement = connection.prepare_cached(tables::NEXT_HOST)?;
                let next: Option<(i64, Box<str>)> = statement
                    .query_row([*last], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                if let Some((id, _)) = next {
                    *last = id;
                }
                Ok(next)
            }
        }
    }
}

/// One bucket of one resource of one host.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) host: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) bucket_s: u64,
    pub(crate) cell: Cell,
}

/// Goes through the rows by host, resource and time. Nothing is held between two pages: each
/// goes on behind the key of the last row.
#[derive(Debug)]
pub(crate) struct Exporter {
    wanted: Wanted,
    place: Option<Place>,
    is_done: bool,
}

/// The host that is told now, and what comes next of it.
#[derive(Debug)]
struct Place {
    host_id: i64,
    host: Box<str>,
    /// The resource that is told now, and its first second to come.
    series: Option<(i64, Box<str>, i64)>,
    /// The last resource begun, when all are told.
    last_resource_id: i64,
    /// Position in `wanted.resources`, when there are any.
    next_resource: usize,
}

impl Exporter {
    /// An export that begins with the first row.
    pub(crate) const fn new(wanted: Wanted) -> Self {
        Self { wanted, place: None, is_done: false }
    }

    /// Whether the last page was read.
    pub(crate) const fn is_done(&self) -> bool {
        self.is_done
    }

    /// Gives up to `most` rows to `tell`. There may be none and yet more to come.
    pub(crate) fn page(
        &mut self,
        connection: &Connection,
        most: usize,
        mut tell: impl FnMut(Row<'_>),
    ) -> rusqlite::Result<()> {
        let mut room = most;
        for _ in 0..MAX_SERIES {
            if room == 0 {
                break;
            }
            let Some(place) = self.place.as_mut() else {
                let Some((host_id, host)) = self.wanted.hosts.next(connection)? else {
                    self.is_done = true;
                    break;
                };
                self.place = Some(Place::new(host_id, host));
                continue;
            };
            if place.series.is_none() {
                place.series = place.following_resource(connection, &self.wanted)?;
                if place.series.is_none() {
                    self.place = None;
                }
                continue;
            }
            room -= place.rows(connection, &self.wanted, room, &mut tell)?;
        }
        Ok(())
    }
}

impl Place {
    const fn new(host_id: i64, host: Box<str>) -> Self {
        Self { host_id, host, series: None, last_resource_id: 0, next_resource: 0 }
    }

    fn following_resource(
        &mut self,
        connection: &Connection,
        wanted: &Wanted,
    ) -> rusqlite::Result<Option<(i64, Box<str>, i64)>> {
        let first_s = seconds(wanted.range.from_ms.saturating_add(999));
        if wanted.resources.is_empty() {
            let mut statement = connection.prepare_cached(&tables::next_resource(wanted.tier))?;
            let following: Option<i64> = statement
                .query_row(params![self.host_id, self.last_resource_id], |row| row.get(0))
                .optional()?;
            let Some(id) = following else { return Ok(None) };
            self.last_resource_id = id;
            let name = connection
                .prepare_cached(tables::RESOURCE_NAME)?
                .query_row([id], |row| row.get(0))?;
            return Ok(Some((id, name, first_s)));
        }
        while let Some(name) = wanted.resources.get(self.next_resource) {
            self.next_resource += 1;
            if let Some(id) = resource_id(connection, name)? {
                return Ok(Some((id, name.clone(), first_s)));
            }
        }
        Ok(None)
    }

    /// Tells up to `room` rows of the series, and gives how many they were.
    fn rows(
        &mut self,
        connection: &Connection,
        wanted: &Wanted,
        room: usize,
        tell: &mut impl FnMut(Row<'_>),
    ) -> rusqlite::Result<usize> {
        let Some((resource_id, resource, next_s)) = &mut self.series else { return Ok(0) };
        let to_s = seconds(wanted.range.to_ms.saturating_add(999));
        let mut statement = connection.prepare_cached(&tables::page(wanted.tier))?;
        let mut rows = statement.query(params![
            self.host_id,
            *resource_id,
            *next_s,
            to_s,
            i64::try_from(room).unwrap_or(i64::MAX)
        ])?;
        let mut told = 0;
        while let Some(row) = rows.next()? {
            let bucket_s: u64 = row.get(0)?;
            tell(Row { host: &self.host, resource, bucket_s, cell: cell(row)? });
            *next_s = i64::try_from(bucket_s).unwrap_or(i64::MAX).saturating_add(1);
            told += 1;
        }
        drop(rows);
        if told < room {
            self.series = None;
        }
        Ok(told)
    }
}
