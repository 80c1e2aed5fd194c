//! Where a guest trapped, in its author's own words.

use crate::kit::*;
use filter::FaultKind;

const LINES: &[u8] = include_bytes!("../guests/lines.wasm");

#[test]
fn a_trap_tells_file_and_line_of_each_frame() {
    let filter = Setting::default().of(&admit_bytes(LINES).unwrap());
    let answer = ask(&chain(&[filter]), &events(&[b"5", b"x", b"0"]));
    let at = |line| format!("at share (lines.c:{line}) < forebay_filter_v1 (lines.c:24)");
    for (n, line) in [(1, 17), (2, 18)] {
        let reason = rejected(&answer.verdicts[n]);
        assert!(reason.ends_with(&at(line)), "{reason}");
        let fault = &answer.faults[n - 1];
        assert_eq!((&*fault.text, fault.kind), (reason, FaultKind::Trap));
    }
}
