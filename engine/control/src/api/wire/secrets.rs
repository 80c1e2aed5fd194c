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

/// The new secret first, then those that still count, none of them beyond `until`. One that was
/// retired may come back. `member` is what the body calls it.
pub(crate) fn rotated(
    old: &Secrets,
    new: &Secret,
    member: &str,
    now: Time,
    until: Time,
) -> Result<Secrets, Problem> {
    let is_new = |secret: &&Secret| secret.expose() == new.expose();
    if old.iter().next().is_some_and(|current| is_new(&current)) {
        return Err(Problem::value(&[member], "this is its secret already"));
    }
    let retiring = old.at(now).filter(|secret| !is_new(secret)).map(|secret| {
        let end = secret.retires().map_or(until, |end| end.min(until));
        secret.clone().until(end)
    });
    let retiring = retiring.filter(|secret| secret.retires().is_some_and(|end| end > now));
    Ok(Secrets::new([new.clone()].into_iter().chain(retiring).take(SECRETS_MAX).collect()))
}
