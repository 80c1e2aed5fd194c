use crate::api::{Query, moment, page_limit};
use crate::letter;
use crate::problem::Problem;
use event::{DeadRow, DeliveryId, EndpointId, Envelope, LaneId, Offset, TenantId, Time};
use registry::TypePattern;

/// Which dead letters are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub limit: usize,
    pub from: Option<DeliveryId>,
    /// Of this endpoint alone.
    pub endpoint: Option<EndpointId>,
    /// Of this application alone.
    app: Option<TenantId>,
    /// Of events of these types alone; none for all.
    types: Vec<TypePattern>,
    /// Given up on at this time or later.
    since: Option<Time>,
    /// Given up on before this time.
    until: Option<Time>,
}

impl Wish {
    pub fn of(query: &Query, app: Option<TenantId>) -> Result<Wish, Problem> {
        let pattern = |text: &str| {
            TypePattern::parse(text).map_err(|bad| Problem::parameter("type", &bad.to_string()))
        };
        let mut wish = Wish {
            limit: page_limit(query)?,
            from: None,
            endpoint: None,
            app,
            types: query.all("type").map(pattern).collect::<Result<_, _>>()?,
            since: moment(query, "since")?,
            until: moment(query, "until")?,
        };
        if let Some(text) = query.one("iterator")? {
            let bad = || Problem::parameter("iterator", "it is what the page before gave");
            wish.from = Some(letter::read(text).ok_or_else(bad)?);
        }
        if let Some(text) = query.one("endpoint")? {
            let bad = || Problem::parameter("endpoint", "it is an id like ep_7");
            wish.endpoint = Some(EndpointId::read(text).ok_or_else(bad)?);
        }
        Ok(wish)
    }

    /// The place of the first letter that may be meant.
    pub fn start(&self) -> Option<DeliveryId> {
        self.from.max(self.endpoint.map(first_of))
    }

    /// Whether what lies there in one piece is all meant.
    pub fn takes_all(&self) -> bool {
        self.app.is_none() && self.types.is_empty() && self.since.is_none() && self.until.is_none()
    }

    /// Whether a letter died then. None when that is asked and not known, as with the others.
    pub fn is_of_time(&self, row: Option<&DeadRow>) -> Option<bool> {
        let is_then = |row: &DeadRow| {
            self.since.is_none_or(|since| since <= row.at)
                && self.until.is_none_or(|until| row.at < until)
        };
        match self.since.is_none() && self.until.is_none() {
            true => Some(true),
            false => row.map(is_then),
        }
    }

    pub fn is_of_app(&self, tenant: Option<&TenantId>) -> Option<bool> {
        match &self.app {
            None => Some(true),
            Some(app) => tenant.map(|tenant| tenant == app),
        }
    }

    pub fn is_of_type(&self, envelope: Option<&Envelope>) -> Option<bool> {
        match self.types.is_empty() {
            true => Some(true),
            false => envelope.map(|of| TypePattern::any(&self.types, &of.event_type)),
        }
    }
}

/// Where the letters of an endpoint begin.
pub(super) fn first_of(endpoint: EndpointId) -> DeliveryId {
    DeliveryId { lane: LaneId::main(endpoint), offset: Offset::ZERO, k: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PARAMETERS;
    use event::{Headers, Stage, StreamId};

    fn of(text: &str) -> Result<Wish, Problem> {
        Wish::of(&Query::of(text, PARAMETERS)?, None)
    }

    #[test]
    fn wishes_are_bounded_and_known() {
        let wish = of("limit=250&endpoint=ep_7").unwrap();
        assert_eq!((wish.limit, wish.endpoint), (250, Some(EndpointId(7))));
        assert!(wish.takes_all() && of("").unwrap().limit == 50);
        for bad in [
            "limit=0",
            "limit=251",
            "limit=-1",
            "limit=x",
            "limit",
            "iterator=",
            "iterator=dl_1-2-3",
            "endpoint=7",
            "order=desc",
            "limit=18446744073709551616",
            "type=",
            "type=o*",
            "since=yesterday",
            "until=",
        ] {
            assert!(matches!(of(bad), Err(Problem::Parameter { .. })), "{bad}");
        }
    }

    #[test]
    fn a_span_has_its_begin_and_not_its_end() {
        let wish = of("since=2026-01-31T10:00:00Z&until=2026-01-31T10:00:01Z").unwrap();
        let begin = Time::from_secs(1_769_853_600);
        let died = |at: Time| {
            let (stage, ruled_by) = (Stage::Output, Offset::ZERO);
            let row = DeadRow {
                reason: "".into(),
                at,
                attempts: 1,
                stage,
                outputs: 1,
                ruled_by,
                key_hash: None,
            };
            wish.is_of_time(Some(&row))
        };
        let millis = |ms: u64| died(Time::from_millis(begin.millis() + ms));
        assert_eq!(died(Time::from_millis(begin.millis() - 1)), Some(false));
        assert_eq!([millis(0), millis(999), millis(1000)], [true, true, false].map(Some));
        assert_eq!(wish.is_of_time(None), None, "a damaged row does not say when");
        assert_eq!(of("").unwrap().is_of_time(None), Some(true));
    }

    #[test]
    fn types_are_patterns_as_those_of_endpoints() {
        let wish = of("type=order.*&type=user.new").unwrap();
        let of_type = |event_type: &str| {
            wish.is_of_type(Some(&Envelope {
                tenant: TenantId::new("shop"),
                stream: StreamId(0),
                source: "till".into(),
                event_type: event_type.into(),
                key: None,
                time: Time::ZERO,
                headers: Headers::new(),
            }))
        };
        let told = ["order.paid", "order", "user.new", "user.old"].map(of_type);
        assert_eq!(told, [true, false, true, false].map(Some));
        assert_eq!(wish.is_of_type(None), None);
    }
}
