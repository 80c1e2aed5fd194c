use forebay_filter::Config as _;
use redact::{Config, redact};

#[test]
fn every_case_holds_natively_and_in_wasm() {
    cases::check(env!("CARGO_MANIFEST_DIR"), |config, event| {
        Ok(redact(&Config::read(config)?, event))
    });
}
