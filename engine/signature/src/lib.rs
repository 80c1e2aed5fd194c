//! Owns: how each provider signs a webhook, as a table; signing and verifying bytes by its rows.
//! Imports: `event`, and the crates of cryptography and encodings.
//! Never: keeps a secret, reads a clock, parses a body, or tells a sender why it was refused.
//!
//! A [`Scheme`] is one closed description; [`Scheme::preset`] gives the row of a provider and
//! [`CustomHmac::scheme`] makes one from a configuration. [`Scheme::verify`] and [`Scheme::sign`]
//! interpret any row, so a new provider is a new row and no code.

mod algorithm;
mod custom;
mod encoding;
mod presets;
mod scheme;
mod secret;
mod sign;
mod stamp;
mod standard;
mod template;
mod verify;

pub use algorithm::Algorithm;
pub use custom::CustomHmac;
pub use encoding::Encoding;
pub use scheme::{Answer, AnswerBody, Echo, IdFrom, Scheme, SentAt, StampPlace, TypeFrom, Version};
pub use secret::{BadSecret, Secret, SecretForm};
pub use sign::{CannotSign, Draft};
pub use stamp::StampForm;
pub use standard::{Family, sign_delivery};
pub use template::{BadScheme, Template};
pub use verify::{Request, Unverified, is_webhook_id};
