use event::{DeliveryId, EndpointId, LaneId, Offset};

/// A delivery's public name: `dl_<endpoint>-<lane>-<offset>-<output>`.
pub(crate) fn name(delivery: DeliveryId) -> String {
    let DeliveryId { lane, offset, k } = delivery;
    format!("dl_{}-{}-{}-{k}", lane.endpoint.0, lane.n, offset.0)
}

/// None for what `name` would not have written.
pub(crate) fn read(text: &str) -> Option<DeliveryId> {
    let mut parts = text.strip_prefix("dl_")?.split('-');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let endpoint = EndpointId(number()?);
    let n = u32::try_from(number()?).ok()?;
    let offset = Offset(number()?);
    let k = u32::try_from(number()?).ok()?;
    let delivery = DeliveryId { lane: LaneId { endpoint, n }, offset, k };
    // One name each: no signs, no zeros in front, nothing behind.
    (name(delivery) == text).then_some(delivery)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delivery_has_one_name() {
        let lane = LaneId { endpoint: EndpointId(u64::MAX), n: u32::MAX };
        for delivery in [
            DeliveryId { lane, offset: Offset::MAX, k: u32::MAX },
            DeliveryId { lane: LaneId::main(EndpointId(7)), offset: Offset(1042), k: 0 },
        ] {
            assert_eq!(read(&name(delivery)), Some(delivery));
        }
        for bad in [
            "",
            "dl_",
            "dl_1-2-3",
            "dl_1-2-3-4-5",
            "dl_+1-2-3-4",
            "dl_01-2-3-4",
            "dl_1-2-3-4 ",
            "dl_1-4294967296-3-4",
            "dl_1-2-18446744073709551616-4",
            "ep_1-2-3-4",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
