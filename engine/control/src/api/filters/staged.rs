use event::TenantId;
use registry::ModuleDigest;
use std::collections::{BTreeMap, VecDeque};

/// The modules that applications brought lately, for they may name them before a filter does. A
/// restart forgets them.
#[derive(Default)]
pub(crate) struct Staged(BTreeMap<TenantId, VecDeque<ModuleDigest>>);

/// Of one application, the last.
const MODULES_MAX: usize = 64;
const APPS_MAX: usize = 4_096;

impl Staged {
    pub fn note(&mut self, app: &TenantId, module: ModuleDigest) {
        if self.0.len() >= APPS_MAX && !self.0.contains_key(app) {
            self.0.pop_first();
        }
        let own = self.0.entry(app.clone()).or_default();
        own.retain(|known| *known != module);
        own.push_back(module);
        if own.len() > MODULES_MAX {
            own.pop_front();
        }
    }

    pub fn has(&self, app: &TenantId, module: &ModuleDigest) -> bool {
        self.0.get(app).is_some_and(|own| own.contains(module))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_has_the_last_that_it_brought() {
        let module = |n: u8| ModuleDigest([n; 32]);
        let (own, other) = (TenantId::new("own"), TenantId::new("other"));
        let mut staged = Staged::default();
        for n in 0..=MODULES_MAX as u8 {
            staged.note(&own, module(n));
            staged.note(&own, module(1));
        }
        assert!(staged.has(&own, &module(1)) && staged.has(&own, &module(MODULES_MAX as u8)));
        assert!(!staged.has(&own, &module(0)) && !staged.has(&other, &module(1)));
    }
}
