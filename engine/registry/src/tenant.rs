use crate::Origin;
use event::{TenantId, Throttle};
use std::sync::Arc;

/// One version of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Stands in every event of its own, so it never changes and is never given again.
    pub id: TenantId,
    pub origin: Origin,
    /// Another name for it, unique on the node and free to change.
    pub uid: Option<Arc<str>>,
    /// Of the attempts at all of its endpoints together. The same one in every version of the
    /// tenant that has the same rate: who waits under it goes on waiting.
    pub throttle: Option<Arc<Throttle>>,
    /// What the management API keeps of it: a JSON text that the engine does not read.
    pub about: Arc<str>,
}

impl Tenant {
    /// As a configuration file names it: an id and no more.
    pub(crate) fn plain(id: &TenantId, origin: Origin) -> Tenant {
        let about = "{}".into();
        Tenant { id: id.clone(), origin, uid: None, throttle: None, about }
    }
}
