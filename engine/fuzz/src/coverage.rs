//! Which places of the code an input reached, where the build counts them.
//!
//! LLVM gives every edge an 8-bit counter and tells where they lie before `main` runs. A build
//! without `instrument` has none: then nothing is ever new.

use std::sync::atomic::{AtomicUsize, Ordering};

static START: AtomicUsize = AtomicUsize::new(0);
static STOP: AtomicUsize = AtomicUsize::new(0);

/// Called by what the compiler put into each instrumented object, with the same two addresses.
#[allow(unsafe_code, reason = "the name is LLVM's, and nothing else defines it")]
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    START.store(start.expose_provenance(), Ordering::Relaxed);
    STOP.store(stop.expose_provenance(), Ordering::Relaxed);
}

/// The counters, and what of them was seen so far.
pub struct Coverage {
    seen: Vec<u8>,
}

impl Coverage {
    pub fn new() -> Coverage {
        Coverage { seen: vec![0; counters().len()] }
    }

    /// Forgets what was counted, before an input runs.
    pub fn clear(&self) {
        counters().fill(0);
    }

    /// How many of the counters reached a new order of magnitude since `clear`.
    pub fn take_new(&mut self) -> usize {
        let mut new = 0;
        let counted = counters();
        for (counts, seen) in counted.chunks(64).zip(self.seen.chunks_mut(64)) {
            if counts.iter().all(|count| *count == 0) {
                continue;
            }
            for (count, seen) in counts.iter().zip(seen) {
                let step = step_of(*count);
                new += usize::from(*seen & step != step);
                *seen |= step;
            }
        }
        new
    }

    /// Counters that were ever reached.
    pub fn reached(&self) -> usize {
        self.seen.iter().filter(|seen| **seen != 0).count()
    }
}

/// One bit for each order of magnitude of a count.
fn step_of(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..8 => 8,
        8..16 => 16,
        16..32 => 32,
        32..128 => 64,
        128.. => 128,
    }
}

#[allow(unsafe_code, reason = "the counters are plain bytes that the compiler's code adds to")]
fn counters<'a>() -> &'a mut [u8] {
    let (start, stop) = (START.load(Ordering::Relaxed), STOP.load(Ordering::Relaxed));
    if start == 0 {
        return &mut [];
    }
    let first = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: LLVM gave the two ends of one static array of bytes. Only one thread runs targets,
    // and no target runs while the slice is used.
    unsafe { std::slice::from_raw_parts_mut(first, stop - start) }
}
