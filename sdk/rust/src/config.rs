/// What an operator may set for a filter, read from the JSON of `config = { … }`.
///
/// With the feature `json` every type that implements `serde::Deserialize` is one.
pub trait Config: Sized {
    /// `bytes` is JSON; `{}` when the operator has set nothing. The error's text is for him.
    fn read(bytes: &[u8]) -> Result<Self, String>;
}

#[cfg(feature = "json")]
impl<T: serde::de::DeserializeOwned> Config for T {
    fn read(bytes: &[u8]) -> Result<T, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("the configuration: {error}"))
    }
}

/// `serde_json`, so that a filter writes JSON with the same version that reads it.
#[cfg(feature = "json")]
pub mod json {
    pub use serde_json::*;
}
