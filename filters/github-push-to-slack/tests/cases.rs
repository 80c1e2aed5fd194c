use forebay_filter::{Config as _, IntoVerdict};
use github_push_to_slack::{Config, message};

#[test]
fn every_case_holds_natively_and_in_wasm() {
    cases::check(env!("CARGO_MANIFEST_DIR"), |config, event| {
        Ok(message(&Config::read(config)?, event).into_verdict())
    });
}
