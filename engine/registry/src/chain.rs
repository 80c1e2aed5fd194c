use crate::FilterVersion;
use crate::filter::cut;
use condition::Condition;
use event::TenantId;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// An endpoint's condition and filters, in order, in fixed versions.
#[derive(Clone, Debug)]
pub struct Chain {
    pub id: ChainId,
    /// What is run: the id of the chain with the same filters and no condition. Chains that are
    /// alike in it differ in their conditions alone, and their filters run once for all of them.
    pub run: ChainId,
    pub tenant: TenantId,
    pub condition: Option<Arc<Condition>>,
    pub filters: Vec<Arc<FilterVersion>>,
}

impl Chain {
    /// Of the same tenant with the same condition.
    pub(crate) fn with(&self, filters: Vec<Arc<FilterVersion>>) -> Chain {
        let (tenant, condition) = (self.tenant.clone(), self.condition.clone());
        let text = condition.as_ref().map(|condition| condition.text());
        let id = ChainId::of(&tenant, text, &filters);
        let run = ChainId::of(&tenant, None, &filters);
        Chain { id, run, tenant, condition, filters }
    }
}

/// A digest of a chain. Equal chains of one tenant have equal ids, so each is evaluated once an
/// event; chains of two tenants never do, so they share no instance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub [u8; 16]);

impl ChainId {
    pub(crate) fn of(
        tenant: &TenantId,
        condition: Option<&str>,
        filters: &[Arc<FilterVersion>],
    ) -> ChainId {
        let mut hash = Sha256::new();
        hash.update(b"forebay chain 1");
        // Lengths go first, so that no two lists of parts make one text.
        for part in [Some(tenant.as_str()), condition] {
            hash.update(part.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
            hash.update(part.unwrap_or_default().as_bytes());
        }
        filters.iter().for_each(|filter| hash.update(filter.digest()));
        ChainId(cut(&hash.finalize()))
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain:{}", hex::encode(&self.0[..6]))
    }
}
