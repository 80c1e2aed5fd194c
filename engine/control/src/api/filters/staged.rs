use event::TenantId;
use registry::ModuleDigest;
use std::collections::{BTreeMap, VecDeque};

/// The modules that applications brought lately, for they may name them before a filter does. A
/// restart forgets them.
#[derive(Default)]
pub(crate) struct Staged {
    apps: BTreeMap<TenantId, Own>,
    /// How often anything was noted.
    noted: u64,
}

/// Of one application.
#[derive(Default)]
struct Own {
    modules: VecDeque<ModuleDigest>,
    /// Which note its last was.
    noted: u64,
}

/// Of one application, the last.
const MODULES_MAX: usize = 64;
/// Of more, the one goes that has brought nothing for longest.
const APPS_MAX: usize = 4_096;

impl Staged {
    pub fn note(&mut self, app: &TenantId, module: ModuleDigest) {
        if self.apps.len() >= APPS_MAX && !self.apps.contains_key(app) {
            let longest = self.apps.iter().min_by_key(|(_, own)| own.noted);
            let longest = longest.map(|(app, _)| app.clone());
            if let Some(longest) = longest {
                self.apps.remove(&longest);
            }
        }
        self.noted += 1;
        let own = self.apps.entry(app.clone()).or_default();
        own.noted = self.noted;
        own.modules.retain(|known| *known != module);
        own.modules.push_back(module);
        if own.modules.len() > MODULES_MAX {
            own.modules.pop_front();
        }
    }

    pub fn has(&self, app: &TenantId, module: &ModuleDigest) -> bool {
        self.apps.get(app).is_some_and(|own| own.modules.contains(module))
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
    #[test]
    fn the_application_goes_that_has_brought_nothing_for_longest() {
        let module = || ModuleDigest([1; 32]);
        let app = |n: usize| TenantId::new(&format!("app-{n:05}"));
        let mut staged = Staged::default();
        for n in 0..APPS_MAX {
            staged.note(&app(n), module());
        }
        staged.note(&app(0), module());
        staged.note(&app(APPS_MAX), module());
        assert!(staged.has(&app(0), &module()) && staged.has(&app(APPS_MAX), &module()));
        assert!(!staged.has(&app(1), &module()) && staged.has(&app(2), &module()));
    }
}
