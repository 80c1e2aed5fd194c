use crate::Control;
use crate::problem::Problem;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::Time;
use registry::{Secret, Secrets};
use zeroize::Zeroizing;

pub(crate) const SECRET_PREFIX: &str = "whsec_";
/// Of one endpoint or source, the retired ones too.
const SECRETS_MAX: usize = 10;

/// The text of a secret that nobody has yet.
pub(crate) fn fresh_secret(control: &Control) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    control.ports.entropy.fill(&mut *bytes);
    Zeroizing::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(*bytes)))
}

/// The new secret first, then those that still count, none of them beyond `until`.
pub(crate) fn rotated(
    old: &Secrets,
    new: &Secret,
    now: Time,
    until: Time,
) -> Result<Secrets, Problem> {
    if old.iter().any(|secret| secret.expose() == new.expose()) {
        return Err(Problem::value(&["key"], "this is its secret already"));
    }
    let retiring = old.at(now).map(|secret| {
        let end = secret.retires().map_or(until, |end| end.min(until));
        secret.clone().until(end)
    });
    let retiring = retiring.filter(|secret| secret.retires().is_some_and(|end| end > now));
    Ok(Secrets::new([new.clone()].into_iter().chain(retiring).take(SECRETS_MAX).collect()))
}
