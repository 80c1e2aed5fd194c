//! Owns:    filters in Python: a script that is configuration, run by RustPython.
//! Imports: forebay-filter, rustpython-vm.
//! Never:   a clock, a seed or a file of the machine's: what there is, is the event's own.

mod answer;
mod event;
mod failure;
mod host;
mod json;
mod start;

// The modules below are of RustPython's standard library, as they are: `borrow.sh` puts them there.
#[macro_use]
extern crate rustpython_derive;
use rustpython_vm as vm;

#[rustfmt::skip]
#[allow(dead_code, unused_imports, reason = "other modules there use more of it")]
#[path = "../borrowed/modules/_datetime.rs"]
mod datetime;
#[rustfmt::skip]
#[path = "../borrowed/modules/math.rs"]
mod math;

use forebay_filter::{Event, Verdict, filter};

filter!(verdict_of, config = start::Script);

fn verdict_of<'a>(_: &'a start::Script, event: Event<'a>) -> Verdict<'a> {
    start::with_script(|vm, script| {
        let shown = event::begin(event, vm);
        let answer = script.filter.call((shown, script.config.clone()), vm);
        let verdict = answer.and_then(|answer| answer::verdict_of(answer, script, event, vm));
        let verdict = verdict.unwrap_or_else(|thrown| answer::of_thrown(&thrown, script, vm));
        event::end();
        start::free_cycles(vm);
        verdict
    })
}
