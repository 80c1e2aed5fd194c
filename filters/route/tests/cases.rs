use forebay_filter::Config as _;
use route::{Config, route};

#[test]
fn every_case_holds_natively_and_in_wasm() {
    cases::check(env!("CARGO_MANIFEST_DIR"), |config, event| {
        // A filter's configuration lives as long as its instance.
        Ok(route(Box::leak(Box::new(Config::read(config)?)), event))
    });
}
