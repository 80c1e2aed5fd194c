use crate::config::section::Section;
use crate::config::value::Count;
use registry::{Candidate, ModuleDigest, STOP_AFTER_FAULTS, Share};
use std::sync::Arc;

/// Another module, another configuration or both, tried on live events beside a filter.
#[derive(Clone)]
pub struct Tried<M = Arc<[u8]>> {
    /// The filter's own where there is none.
    pub module: Option<M>,
    /// A JSON text; the filter's own where there is none.
    pub config: Option<String>,
    pub share: Share,
    /// As the registry's candidates have it.
    pub stop_after_faults: u32,
}

const FAULTS_MAX: u64 = 10_000;

impl<M> Tried<M> {
    /// Beside a filter of this module and configuration; `digest` is that of a module of its own.
    pub(crate) fn beside(
        &self,
        module: ModuleDigest,
        config: &str,
        digest: impl FnOnce(&M) -> ModuleDigest,
    ) -> Candidate {
        Candidate {
            module: self.module.as_ref().map_or(module, digest),
            config: self.config.as_deref().unwrap_or(config).to_owned(),
            share: self.share,
            stop_after_faults: self.stop_after_faults,
            ended: None,
        }
    }
}

/// What is tried beside a filter, if anything is. `module` reads the one that is named, `config`
/// what is said of it, if anything is.
pub(crate) fn candidate<M>(
    section: &mut Section<'_, '_>,
    module: impl FnOnce(&mut Section<'_, '_>, &str) -> Option<M>,
    config: impl FnOnce(&mut Section<'_, '_>) -> Option<String>,
) -> Option<Tried<M>> {
    let mut own = section.section("candidate");
    if !own.is_there() {
        return None;
    }
    let named = own.optional::<String>("module");
    let module = named.and_then(|named| module(&mut own, &named));
    let config = config(&mut own);
    if own.node("module").is_none() && config.is_none() {
        let message = "`candidate` says nothing in which it differs from its filter".to_owned();
        own.refuse("module", message, "name its `module`, its `config`, or both");
    }
    let (share, stop_after_faults) = share(&mut own);
    own.finish();
    Some(Tried { module, config, share, stop_after_faults })
}

/// What it gets to judge, and the failures that end it.
fn share(candidate: &mut Section<'_, '_>) -> (Share, u32) {
    let canary = candidate.optional::<Count>("canary").map(|percent| u8::try_from(percent.0));
    let shadow = candidate.optional::<bool>("shadow");
    let share = match (canary, shadow) {
        (Some(_), Some(true)) => {
            let message = "a candidate is a shadow or a canary, not both".to_owned();
            candidate.refuse("shadow", message, "keep `shadow = true` or `canary`");
            Share::Shadow
        }
        (Some(Ok(percent @ 1..=99)), _) => Share::Canary(percent),
        (Some(_), _) => {
            let message = "`canary` must be from 1 to 99, of a hundred keys".to_owned();
            let advice = "to give it all, make its module the filter's own";
            candidate.refuse("canary", message, advice);
            Share::Shadow
        }
        (None, Some(false)) => {
            let message = "a candidate that is no shadow is a canary of so many keys".to_owned();
            candidate.refuse("shadow", message, "say how many of a hundred: canary = 10");
            Share::Shadow
        }
        (None, _) => Share::Shadow,
    };
    (share, stop_after_faults(candidate))
}

fn stop_after_faults(candidate: &mut Section<'_, '_>) -> u32 {
    const KEY: &str = "stop_after_faults";
    let Some(faults) = candidate.optional::<Count>(KEY).map(|faults| faults.0) else {
        return STOP_AFTER_FAULTS;
    };
    if candidate.node("canary").is_none() {
        let message = format!("`{KEY}` is of a canary: a shadow has no say that it could lose");
        candidate.refuse(KEY, message, "take it out, or say how many of a hundred: canary = 10");
    }
    match u32::try_from(faults).ok().filter(|_| faults <= FAULTS_MAX) {
        Some(faults) => faults,
        None => {
            let message = format!("`{KEY}` must be from 0 to {FAULTS_MAX}, not {faults}");
            candidate.refuse(KEY, message, "0 lets it go on however often it fails");
            STOP_AFTER_FAULTS
        }
    }
}
