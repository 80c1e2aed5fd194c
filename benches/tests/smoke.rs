//! Every part still measures something. What it measures is no matter here.

use std::process::Command;

#[test]
fn every_part_runs() {
    let run = Command::new(env!("CARGO_BIN_EXE_benches"))
        .args(["--seconds", "0.05", "--json"])
        .output()
        .expect("the binary was built with the test");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    let found: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON, and no more");
    let parts = found["parts"].as_array().expect("a list of parts");
    assert_eq!(parts.len(), 13);
    for part in parts {
        let cases = part["cases"].as_array().expect("a list of cases");
        assert!(!cases.is_empty(), "{} measured nothing", part["part"]);
        for figure in cases.iter().flat_map(|case| case["figures"].as_array()).flatten() {
            let rate = figure["per_s"].as_f64().unwrap_or(0.0);
            assert!(rate > 0.0, "{}: {figure}", part["part"]);
        }
    }
}
