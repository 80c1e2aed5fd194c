use event::{EndpointId, TenantId};
use std::sync::Arc;

/// What one row of counts is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    pub app: TenantId,
    /// None for what came in.
    pub endpoint: Option<EndpointId>,
    pub event_type: Arc<str>,
}

/// Which series somebody asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub app: TenantId,
    pub endpoint: Option<EndpointId>,
    pub event_type: Option<String>,
}

impl Wanted {
    pub fn is(&self, series: &Series) -> bool {
        series.app == self.app
            && self.endpoint.is_none_or(|wanted| series.endpoint == Some(wanted))
            && self.event_type.as_deref().is_none_or(|wanted| *series.event_type == *wanted)
    }
}
