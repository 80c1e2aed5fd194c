use fields::{Config, fields};
use forebay_filter::Config as _;

#[test]
fn every_case_holds_natively_and_in_wasm() {
    cases::check(env!("CARGO_MANIFEST_DIR"), |config, event| {
        Ok(fields(&Config::read(config)?, event))
    });
}
