//! Round trips of every kind of record, and what is not one.
#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use event::{
    Attempted, Cause, DeliveryId, EndpointId, Envelope, Event, EventId, Headers, LaneId, Offset,
    Outcome, Refusal, StreamId, TenantId, Time,
};
use log::codec::*;
use log::{
    AttemptRow, AttemptState, DeadRow, Due, DuplicateRow, GapRow, LaneRow, Parcel, RegistryKey,
    RetryKey, RetryRow, Stage, Watermarks, Why,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect())
}

fn time() -> impl Strategy<Value = Time> {
    any::<u64>().prop_map(Time::from_nanos)
}

fn offset() -> impl Strategy<Value = Offset> {
    any::<u64>().prop_map(Offset)
}

fn lane() -> impl Strategy<Value = LaneId> {
    (any::<u64>(), any::<u32>()).prop_map(|(e, n)| LaneId { endpoint: EndpointId(e), n })
}

fn delivery() -> impl Strategy<Value = DeliveryId> {
    (lane(), offset(), any::<u32>()).prop_map(|(lane, offset, k)| DeliveryId { lane, offset, k })
}

fn stage() -> impl Strategy<Value = Stage> {
    prop_oneof![Just(Stage::Input), Just(Stage::Output)]
}

fn event() -> impl Strategy<Value = Event> {
    let names = (text(), text(), text(), proptest::option::of(text()));
    let headers = vec((text(), vec(any::<u8>(), 0..20)), 0..6);
    let id = (any::<u64>(), offset());
    (id, names, headers, any::<u16>(), time(), vec(any::<u8>(), 0..300)).prop_map(
        |((ms, offset), (tenant, source, event_type, key), headers, stream, time, body)| {
            let pairs = headers.iter().map(|(n, v)| (n.as_str(), v.as_slice()));
            let envelope = Envelope {
                tenant: TenantId::new(&tenant),
                stream: StreamId(stream),
                source: source.as_str().into(),
                event_type: event_type.as_str().into(),
                key: key.map(Into::into),
                time,
                headers: pairs.collect::<Headers>(),
            };
            Event { id: EventId::new(ms, offset), envelope, body: Bytes::from(body) }
        },
    )
}

fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        any::<u16>().prop_map(Cause::Status),
        Just(Cause::Timeout),
        text().prop_map(|t| Cause::Dns(t.into())),
        text().prop_map(|t| Cause::Connection(t.into())),
        text().prop_map(|t| Cause::Tls(t.into())),
        (text(), text()).prop_map(|(rule, allow)| Cause::Refused(Refusal {
            rule: rule.into(),
            allow: allow.into()
        })),
    ]
}

fn attempted() -> impl Strategy<Value = Attempted> {
    let outcome = prop_oneof![
        any::<u16>().prop_map(|status| Outcome::Delivered { status }),
        (cause(), proptest::option::of(any::<Duration>()))
            .prop_map(|(cause, retry_after)| Outcome::Failed { cause, retry_after }),
        Just(Outcome::Gone),
    ];
    (any::<u32>(), time(), any::<Duration>(), outcome)
        .prop_map(|(number, at, took, outcome)| Attempted { number, at, took, outcome })
}

fn attempt_row() -> impl Strategy<Value = AttemptRow> {
    let state = prop_oneof![
        Just(AttemptState::Delivered),
        Just(AttemptState::Trouble),
        Just(AttemptState::Dead)
    ];
    (delivery(), any::<u32>(), proptest::option::of(attempted()), state).prop_map(
        |(delivery, outputs, attempt, state)| AttemptRow { delivery, outputs, attempt, state },
    )
}

fn rule() -> impl Strategy<Value = (Offset, Option<u64>)> {
    (offset(), proptest::option::of(any::<u64>()))
}

fn retry() -> impl Strategy<Value = (RetryKey, RetryRow)> {
    let due = prop_oneof![Just(Due::Parked), time().prop_map(Due::At)];
    (due, delivery(), any::<u32>(), stage(), any::<u32>(), time(), rule()).prop_map(
        |(due, delivery, attempts, stage, outputs, since, (ruled_by, key_hash))| {
            let row = RetryRow { attempts, stage, outputs, since, ruled_by, key_hash };
            (RetryKey { due, delivery }, row)
        },
    )
}

fn dead() -> impl Strategy<Value = (DeliveryId, DeadRow)> {
    (delivery(), text(), time(), any::<u32>(), stage(), any::<u32>(), rule()).prop_map(
        |(delivery, reason, at, attempts, stage, outputs, (ruled_by, key_hash))| {
            let reason = reason.into();
            (delivery, DeadRow { reason, at, attempts, stage, outputs, ruled_by, key_hash })
        },
    )
}

fn lane_row() -> impl Strategy<Value = (LaneId, LaneRow)> {
    let whys = vec![
        Why::Slow,
        Why::Breaker,
        Why::Disabled,
        Why::Gone,
        Why::Failing,
        Why::FilterStopped,
        Why::Fifo,
        Why::Missing,
    ];
    (lane(), offset(), offset(), offset(), proptest::sample::select(whys))
        .prop_map(|(lane, cursor, high, since, why)| (lane, LaneRow { cursor, high, since, why }))
}

fn frame(event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    encode_event(event, &mut out);
    out
}

proptest! {
    #[test]
    fn an_event_survives_the_disk(event in event()) {
        let bytes = Bytes::from(frame(&event));
        prop_assert_eq!(&decode_event(&bytes).unwrap(), &event);
        prop_assert_eq!(check_event(&bytes).unwrap(), bytes.len());
        prop_assert_eq!(frame_offset(&bytes), Some(event.offset()));
    }

    #[test]
    fn a_changed_or_cut_frame_is_no_event(event in event(), at in any::<usize>(), bit in 0..8u32) {
        let whole = frame(&event);
        let at = at % whole.len();
        let mut changed = whole.clone();
        changed[at] ^= 1 << bit;
        prop_assert!(decode_event(&Bytes::from(changed)).is_err());
        prop_assert!(decode_event(&Bytes::copy_from_slice(&whole[..at])).is_err());
        let mut longer = whole;
        longer.push(0);
        prop_assert!(decode_event(&Bytes::from(longer)).is_err());
    }

    #[test]
    fn frames_are_found_in_rubble(
        a in event(), b in event(), rubble in vec(prop_oneof![Just(0xf0u8), any::<u8>()], 0..200)
    ) {
        let (a, b) = (frame(&a), frame(&b));
        let mut bytes = rubble.clone();
        bytes.extend_from_slice(&a);
        bytes.extend_from_slice(&b);
        bytes.extend_from_slice(&rubble);
        let first = find_event(&bytes, 0).unwrap();
        prop_assert_eq!(first, (rubble.len(), a.len()));
        let second = find_event(&bytes, first.0 + first.1).unwrap();
        prop_assert_eq!(second, (rubble.len() + a.len(), b.len()));
        prop_assert_eq!(find_event(&bytes, second.0 + 1), None);
    }

    #[test]
    fn hostile_bytes_are_refused_without_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(decode_event(&Bytes::copy_from_slice(&bytes)).is_err());
        let (key, value) = bytes.split_at(bytes.len() / 3);
        refuse_everything(key, value);
    }

    /// The check alone must not be what keeps the decoders from a panic.
    #[test]
    fn hostile_frames_with_a_right_checksum_do_not_panic(bytes in vec(any::<u8>(), 0..200)) {
        let mut frame = FRAME_MAGIC.to_vec();
        let content: Vec<u8> = [1].into_iter().chain(bytes).collect();
        frame.extend_from_slice(&(content.len() as u32).to_le_bytes());
        frame.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(&content).to_le_bytes());
        frame.extend_from_slice(&content);
        let _ = decode_event(&Bytes::from(frame));
    }

    #[test]
    fn attempts_survive_and_sort_by_offset(a in attempt_row(), b in attempt_row()) {
        prop_assert_eq!(&decode_attempt(&attempt_key(&a), &encode_attempt(&a)).unwrap(), &a);
        let order = |r: &AttemptRow| (r.delivery.offset, r.delivery.lane, r.delivery.k, r.number());
        prop_assert_eq!(attempt_key(&a).cmp(&attempt_key(&b)), order(&a).cmp(&order(&b)));
        if attempt_key(&a) != attempt_key(&b) {
            prop_assert!(decode_attempt(&attempt_key(&b), &encode_attempt(&a)).is_err());
        }
    }

    #[test]
    fn retries_survive_and_sort_by_due_time(a in retry(), b in retry()) {
        let value = encode_retry(a.0, &a.1);
        prop_assert_eq!(decode_retry(&retry_key(a.0), &value).unwrap(), a);
        prop_assert_eq!(retry_key(a.0).cmp(&retry_key(b.0)), a.0.cmp(&b.0));
    }

    #[test]
    fn dead_letters_survive_and_sort_by_lane(a in dead(), b in dead()) {
        let value = encode_dead(a.0, &a.1);
        prop_assert_eq!(delivery_key(a.0).cmp(&delivery_key(b.0)), a.0.cmp(&b.0));
        prop_assert_eq!(decode_dead(&delivery_key(a.0), &value).unwrap(), a);
    }

    #[test]
    fn lanes_survive(row in lane_row()) {
        let value = encode_lane(row.0, &row.1);
        prop_assert_eq!(decode_lane(&lane_key(row.0), &value).unwrap(), row);
    }

    #[test]
    fn parcels_survive_and_are_no_events(
        d in delivery(), stage in stage(), event in event(), input_key in any::<Option<u64>>(),
    ) {
        let parcel = Parcel { stage, event: Arc::new(event), input_key };
        let value = encode_parcel(d, &parcel);
        prop_assert_eq!(find_event(&value, 0), None);
        prop_assert_eq!(decode_parcel(d, &value).unwrap(), parcel);
    }

    #[test]
    fn the_other_rows_survive(
        names in (text(), text(), vec(any::<u8>(), 0..30), vec(any::<u8>(), 0..30)),
        lane in lane(), numbers in any::<[u64; 4]>(), digest in any::<[u8; 16]>(),
        shards in vec(offset(), 0..9),
    ) {
        let (tenant, source, key, content) = names;
        let id = EventId::new(numbers[0], Offset(numbers[1]));
        let tenant = TenantId::new(&tenant);
        let row = DuplicateRow { tenant, source: source.as_str().into(), key: key.as_slice().into(),
            digest, id };
        let (name, value) = encode_duplicate(&row);
        prop_assert_eq!(&name, &duplicate_key(&row.tenant, &row.source, &row.key));
        prop_assert_eq!(decode_duplicate(&name, &value).unwrap(), row);

        let at = Time::from_nanos(numbers[2]);
        let gap = GapRow { lane, from: Offset(numbers[0]), until: Offset(numbers[1]), at };
        prop_assert_eq!(decode_gap(&gap_key(&gap), &encode_gap(&gap)).unwrap(), gap);

        let registry = RegistryKey { kind: digest[0], id: key.into(), since: Offset(numbers[3]) };
        let value = encode_registry(&registry, &content);
        let read = decode_registry(&registry_key(&registry), &value).unwrap();
        prop_assert_eq!(read, (registry, content));

        let row = Watermarks { shards };
        prop_assert_eq!(decode_watermarks(b"w", &encode_watermarks(b"w", &row)).unwrap(), row);
        let floor = Offset(numbers[0]);
        prop_assert_eq!(decode_floor(b"f", &encode_floor(b"f", floor)).unwrap(), floor);
    }
}

fn refuse_everything(key: &[u8], value: &[u8]) {
    let lane = LaneId { endpoint: EndpointId(0), n: 0 };
    let refused = [
        decode_attempt(key, value).is_err(),
        decode_retry(key, value).is_err(),
        decode_dead(key, value).is_err(),
        decode_lane(key, value).is_err(),
        decode_gap(key, value).is_err(),
        decode_registry(key, value).is_err(),
        decode_duplicate(key, value).is_err(),
        decode_watermarks(key, value).is_err(),
        decode_floor(key, value).is_err(),
        decode_parcel(DeliveryId { lane, offset: Offset::ZERO, k: 0 }, value).is_err(),
    ];
    assert_eq!(refused, [true; 10], "a check of 32 bits was met by chance");
}

#[test]
fn a_row_under_another_key_or_in_another_table_is_noticed() {
    let lane = LaneId { endpoint: EndpointId(1), n: 0 };
    let row = LaneRow { cursor: Offset(1), high: Offset(2), since: Offset(0), why: Why::Slow };
    let value = encode_lane(lane, &row);
    let other = LaneId { endpoint: EndpointId(2), n: 0 };
    assert!(decode_lane(&lane_key(lane), &value).is_ok());
    assert!(decode_lane(&lane_key(other), &value).is_err());
    assert!(
        decode_floor(&lane_key(lane), &encode_watermarks(&lane_key(lane), &Watermarks::default()))
            .is_err()
    );
}
