use forebay_filter::Config as _;
use sanitise::{Config, sanitise};

#[test]
fn every_case_holds_natively_and_in_wasm() {
    cases::check(env!("CARGO_MANIFEST_DIR"), |config, event| {
        Ok(sanitise(&Config::read(config)?, event))
    });
}
