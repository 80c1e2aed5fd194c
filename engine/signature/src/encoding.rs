use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::str::FromStr;

/// How a signature is written in its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Written in lower case, read in either.
    Hex,
    /// The standard alphabet, written with padding, read with or without.
    Base64,
    /// As it is.
    Plain,
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl FromStr for Encoding {
    type Err = crate::BadScheme;

    fn from_str(text: &str) -> Result<Encoding, crate::BadScheme> {
        match text {
            "hex" => Ok(Encoding::Hex),
            "base64" => Ok(Encoding::Base64),
            _ => Err(crate::BadScheme::Unknown {
                what: "encoding",
                got: text.into(),
                choices: "hex, base64",
            }),
        }
    }
}

impl Encoding {
    pub(crate) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Encoding::Hex => hex::encode(bytes),
            Encoding::Base64 => BASE64.encode(bytes),
            Encoding::Plain => String::from_utf8_lossy(bytes).into_owned(),
        }
    }

    /// `None` for what is not in this encoding.
    pub(crate) fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Encoding::Hex => hex::decode(text).ok(),
            Encoding::Base64 => BASE64.decode(text).ok(),
            Encoding::Plain => Some(text.as_bytes().to_vec()),
        }
    }
}
