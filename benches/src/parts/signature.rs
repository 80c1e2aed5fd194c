use super::Setting;
use crate::events::body;
use crate::measure::{Case, Contender, compare};
use ::signature::{Family, Request, Scheme, Secret, SecretForm, sign_delivery};
use anyhow::Context;
use event::Time;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::hint::black_box;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "evt_01k8benches0000000000";

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let body = body(1024);
    let at = Time::from_secs(1_790_000_000);
    let secrets = [Secret::parse(SECRET, SecretForm::Standard)?];
    let signed = sign_delivery(Family::Standard, ID, at, &body, &secrets)?;
    let scheme = Scheme::preset("standard-webhooks").context("it is in the table")?;
    let headers: Vec<(&str, &[u8])> =
        signed.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let request = Request { method: "POST", url: "", headers: &headers, body: &body };

    // Its key is taken in once and copied, as whoever signs much would do it.
    let keyed = Hmac::<Sha256>::new_from_slice(&[7; 24])?;
    let bare = || {
        Contender::repeated("HMAC-SHA256 of the same bytes", 1, || {
            let mut mac = keyed.clone();
            mac.update(b"evt_01k8benches0000000000.1790000000.");
            mac.update(black_box(&body));
            black_box(mac.finalize().into_bytes());
        })
    };
    let sign = Contender::repeated("sign_delivery", 1, || {
        let signed = sign_delivery(Family::Standard, ID, at, black_box(&body), &secrets);
        drop(black_box(signed.expect("it can be signed")));
    });
    let verify = Contender::repeated("Scheme::verify", 1, || {
        scheme.verify(black_box(&request), &secrets, at).expect("it was signed so");
    });
    Ok(vec![
        compare("signing a delivery", setting.brief(), vec![sign, bare()])?,
        compare("verifying what came in", setting.brief(), vec![verify, bare()])?,
    ])
}
