//! The bytes of a segment: samples one behind the other, each with its own checksum.
//!
//! A segment begins with [`MAGIC`]. Each record is the length of its payload and the CRC-32 of
//! that length and the payload, then the payload: time of the message, count of dropped samples
//! it tells, trace (as text), length of the key, key, body. All numbers are little-endian.

use resources_core::bus::Message;
use resources_core::contract::{MAX_BODY_BYTES, Topic, TraceParent};

use crate::outbox::Sample;

/// What every segment begins with; its last byte is the version of the format.
pub(super) const MAGIC: &[u8; 8] = b"samples1";

/// Length and checksum, in bytes.
const HEAD_BYTES: usize = 8;

/// Length of a trace as text, in bytes.
const TRACE_BYTES: usize = 55;

/// Largest payload, in bytes: no message is larger.
const MOST_PAYLOAD_BYTES: usize = 8 + 8 + TRACE_BYTES + 1 + u8::MAX as usize + MAX_BODY_BYTES;

/// Largest record, in bytes.
pub(super) const MOST_RECORD_BYTES: usize = HEAD_BYTES + MOST_PAYLOAD_BYTES;

/// The record of `sample`; `None` when it is larger than any message may be.
pub(super) fn encode(sample: &Sample) -> Option<Vec<u8>> {
    let Message { topic, body, timestamp_ms, trace } = &sample.message;
    let trace = trace.to_string();
    let topic = topic.as_str().as_bytes();
    let topic_bytes = u8::try_from(topic.len()).ok()?;
    debug_assert_eq!(trace.len(), TRACE_BYTES, "the text of a trace has a fixed length");
    let payload_bytes = 8 + 8 + trace.len() + 1 + topic.len() + body.len();
    if payload_bytes > MOST_PAYLOAD_BYTES {
        return None;
    }
    let length = u32::try_from(payload_bytes).ok()?.to_le_bytes();
    let mut record = Vec::with_capacity(HEAD_BYTES + payload_bytes);
    record.extend_from_slice(&length);
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&timestamp_ms.to_le_bytes());
    record.extend_from_slice(&sample.dropped.to_le_bytes());
    record.extend_from_slice(trace.as_bytes());
    record.push(topic_bytes);
    record.extend_from_slice(topic);
    record.extend_from_slice(body);
    let checksum = checksum(length, &record[HEAD_BYTES..]).to_le_bytes();
    record[4..HEAD_BYTES].copy_from_slice(&checksum);
    Some(record)
}

/// The sample of a whole record; `None` when it is damaged.
pub(super) fn decode(record: &[u8]) -> Option<Sample> {
    let (length, rest) = record.split_first_chunk::<4>()?;
    let (expected, payload) = rest.split_first_chunk::<4>()?;
    let whole = usize::try_from(u32::from_le_bytes(*length)).ok()? == payload.len()
        && checksum(*length, payload) == u32::from_le_bytes(*expected);
    if !whole {
        return None;
    }
    let (timestamp_ms, rest) = payload.split_first_chunk::<8>()?;
    let (dropped, rest) = rest.split_first_chunk::<8>()?;
    let (trace, rest) = rest.split_first_chunk::<TRACE_BYTES>()?;
    let (topic_bytes, rest) = rest.split_first()?;
    let (topic, body) = rest.split_at_checked(usize::from(*topic_bytes))?;
    let message = Message {
        topic: Topic::new(str::from_utf8(topic).ok()?).ok()?,
        body: body.to_vec().into(),
        timestamp_ms: u64::from_le_bytes(*timestamp_ms),
        trace: str::from_utf8(trace).ok()?.parse::<TraceParent>().ok()?,
    };
    Some(Sample { message, dropped: u64::from_le_bytes(*dropped) })
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

/// Where a whole record is in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordAt {
    /// Where it begins, in bytes from the begin of the segment.
    pub(super) offset: u32,
    /// Its length with its head, in bytes.
    pub(super) bytes: u32,
    /// The count of dropped samples it tells.
    pub(super) dropped: u64,
}

/// What was found in the bytes of a segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The whole records, in order.
    pub(super) records: Vec<RecordAt>,
    /// Records with a wrong checksum between others.
    pub(super) damaged: u64,
    /// Where the last record that can be told from garbage ends; behind it is a torn tail.
    pub(super) end: usize,
}

/// Finds the records of a segment. What follows a length that cannot be is given up, as nothing
/// tells where the next record would begin.
pub(super) fn read(bytes: &[u8]) -> Found {
    let mut found = Found::default();
    if !bytes.starts_with(MAGIC) {
        return found;
    }
    found.end = MAGIC.len();
    while let Some(record) = next_record(bytes.get(found.end..).unwrap_or_default()) {
        match (decode(record), u32::try_from(found.end), u32::try_from(record.len())) {
            (Some(sample), Ok(offset), Ok(bytes)) => {
                found.records.push(RecordAt { offset, bytes, dropped: sample.dropped });
            }
            _ => found.damaged += 1,
        }
        found.end += record.len();
    }
    found
}

/// The bytes that the record at the begin of `rest` says it takes; `None` when they are not there
/// or that many cannot be. Zeroes, which a power cut may leave at the end of a file, cannot be.
fn next_record(rest: &[u8]) -> Option<&[u8]> {
    let payload_bytes = usize::try_from(u32::from_le_bytes(*rest.first_chunk::<4>()?)).ok()?;
    if payload_bytes == 0 || payload_bytes > MOST_PAYLOAD_BYTES {
        return None;
    }
    rest.get(..HEAD_BYTES + payload_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(number: u64, body: &[u8]) -> Sample {
        let message = Message {
            topic: Topic::new("web-1.eu.measure").unwrap(),
            body: body.to_vec().into(),
            timestamp_ms: number,
            trace: TraceParent::begin(),
        };
        Sample { message, dropped: number % 3 }
    }

    /// What a sample says, for comparing.
    fn told(sample: &Sample) -> (u64, u64, String, Vec<u8>, String) {
        let Sample { message, dropped } = sample;
        let trace = message.trace.to_string();
        let topic = message.topic.as_str().to_owned();
        (message.timestamp_ms, *dropped, topic, message.body.to_vec(), trace)
    }

    fn segment(samples: &[Sample]) -> Vec<u8> {
        let records = samples.iter().flat_map(|sample| encode(sample).unwrap());
        MAGIC.iter().copied().chain(records).collect()
    }

    fn samples() -> impl Strategy<Value = Vec<Sample>> {
        let body = prop::collection::vec(any::<u8>(), 0..100);
        prop::collection::vec((any::<u64>(), body), 0..12).prop_map(|samples| {
            samples.into_iter().map(|(number, body)| sample(number, &body)).collect()
        })
    }

    fn record<'a>(bytes: &'a [u8], at: &RecordAt) -> &'a [u8] {
        &bytes[at.offset as usize..][..at.bytes as usize]
    }

    #[test]
    fn a_message_larger_than_any_may_be_is_not_taken() {
        assert!(encode(&sample(1, &vec![b' '; MAX_BODY_BYTES])).is_some());
        assert!(encode(&sample(1, &vec![b' '; 2 * MAX_BODY_BYTES])).is_none());
    }

    #[test]
    fn zeroes_behind_the_last_record_are_a_torn_tail() {
        let mut bytes = segment(&[sample(1, b"{}")]);
        let end = bytes.len();
        bytes.resize(end + 4096, 0);
        let found = read(&bytes);
        assert_eq!((found.records.len(), found.damaged, found.end), (1, 0, end));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(samples in samples()) {
            let bytes = segment(&samples);
            let found = read(&bytes);
            prop_assert_eq!((found.damaged, found.end), (0, bytes.len()));
            let back: Vec<_> =
                found.records.iter().map(|at| told(&decode(record(&bytes, at)).unwrap())).collect();
            prop_assert_eq!(back, samples.iter().map(told).collect::<Vec<_>>());
            for (at, sample) in found.records.iter().zip(&samples) {
                prop_assert_eq!(at.dropped, sample.dropped);
            }
        }

        #[test]
        fn a_cut_anywhere_loses_only_the_tail(samples in samples(), cut in any::<prop::sample::Index>()) {
            let whole = segment(&samples);
            let found = read(&whole);
            let cut = cut.index(whole.len() + 1);
            let left = read(&whole[..cut]);
            let expected: Vec<_> = found
                .records
                .into_iter()
                .filter(|at| at.offset as usize + at.bytes as usize <= cut)
                .collect();
            prop_assert_eq!(left.damaged, 0);
            prop_assert_eq!(left.records, expected);
        }

        #[test]
        fn one_flipped_bit_damages_one_record_or_cuts_there(
            samples in samples(), place in any::<prop::sample::Index>(), bit in 0u32..8,
        ) {
            let mut bytes = segment(&samples);
            let whole = read(&bytes).records;
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            let left = read(&bytes).records;
            let untouched = whole.iter().filter(|at| at.offset as usize + at.bytes as usize <= place);
            if place >= MAGIC.len() {
                prop_assert!(untouched.clone().all(|at| left.contains(at)));
            }
            prop_assert!(left.iter().all(|at| whole.contains(at)), "nothing is made up");
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in any::<Vec<u8>>(), with_magic in any::<bool>()) {
            let bytes = if with_magic { [MAGIC, &bytes[..]].concat() } else { bytes };
            let found = read(&bytes);
            prop_assert!(found.end <= bytes.len());
            for at in &found.records {
                prop_assert!(decode(record(&bytes, at)).is_some());
            }
        }
    }
}
