use forebay_filter::{Config as _, IntoVerdict};
use pushes_to_main::{Config, is_to_branch};

#[test]
fn every_case_holds_natively_and_in_wasm() {
    cases::check(env!("CARGO_MANIFEST_DIR"), |config, event| {
        Ok(is_to_branch(&Config::read(config)?, event).into_verdict())
    });
}
