//! What `filter!` calls. Not for authors: nothing here is promised.
//!
//! A guest has one thread and the host calls it once at a time, so what is kept between calls is
//! kept in thread-locals, which on wasm32 are plain statics.

use crate::batch::{Batch, HEADER_BYTES, PROGRESS};
use crate::encode::Answer;
use crate::guest::fail;
use crate::{Config, Event, Verdict};
use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, RefCell};
use std::sync::OnceLock;

const BUFFER_ALIGN: usize = 16;

thread_local! {
    static BUFFER: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    static ANSWER: RefCell<Answer> = RefCell::default();
}

/// `forebay_buffer`: the place for the host's next batch. It only grows.
pub fn buffer(len: u32) -> u32 {
    let (at, size) = BUFFER.get();
    let wanted = (len as usize).max(1);
    if wanted <= size {
        return at as u32;
    }
    if at == 0 {
        tell_panics();
    }
    let Ok(layout) = Layout::from_size_align(wanted.next_multiple_of(4096), BUFFER_ALIGN) else {
        return 0;
    };
    BUFFER.set((0, 0));
    if at != 0 {
        let old = Layout::from_size_align(size, BUFFER_ALIGN).expect("it was allocated so");
        // SAFETY: `at` came from `alloc` with this layout and nothing refers to it: events live
        // only during `filter_batch`.
        unsafe { dealloc(at as *mut u8, old) };
    }
    // SAFETY: the layout is not empty.
    let new = unsafe { alloc(layout) } as usize;
    if new == 0 {
        return 0;
    }
    BUFFER.set((new, layout.size()));
    new as u32
}

/// `forebay_process_v1`: asks `verdict_of` about each event of the batch, in order.
///
/// # Safety
/// `at` is 4-byte aligned, `len` bytes there are initialised, and nothing else uses them meanwhile.
pub unsafe fn filter_batch(
    at: u32,
    len: u32,
    verdict_of: impl Fn(Event<'_>) -> Verdict<'_>,
) -> i64 {
    let Some(rest_len) = (len as usize).checked_sub(HEADER_BYTES) else {
        fail("the batch is shorter than its header");
        return -1;
    };
    let start = at as usize as *mut u8;
    // SAFETY: the caller's promise; we write to PROGRESS alone, which is not in `rest`.
    let (header, rest) = unsafe {
        let header = start.cast::<[u8; HEADER_BYTES]>().read();
        (header, std::slice::from_raw_parts(start.add(HEADER_BYTES), rest_len))
    };
    let batch = match Batch::read(at, header, rest) {
        Ok(batch) => batch,
        Err(why) => {
            fail(&why);
            return -1;
        }
    };
    // SAFETY: it lies within the header.
    let progress = unsafe { start.add(PROGRESS) }.cast::<u32>();
    ANSWER.with_borrow_mut(|answer| {
        answer.begin(batch.count);
        for i in 0..batch.count {
            // SAFETY: as above. Volatile, because the reader is outside.
            unsafe { progress.write_volatile(i) };
            answer.push(i, verdict_of(batch.event(i)));
        }
        answer.finish()
    })
}

/// `forebay_init_v1`: reads the configuration.
///
/// # Safety
/// `len` bytes at `at` are initialised and nobody writes to them meanwhile.
pub unsafe fn start<C: Config>(at: u32, len: u32, config: &OnceLock<C>) -> i32 {
    tell_panics();
    let bytes = if len == 0 {
        &b"{}"[..]
    } else {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(at as usize as *const u8, len as usize) }
    };
    let twice = |_| String::from("the configuration was given twice");
    match C::read(bytes).and_then(|read| config.set(read).map_err(twice)) {
        Ok(()) => 0,
        Err(why) => {
            fail(&why);
            -1
        }
    }
}

/// The configuration. Where the host gave none it is what `{}` reads as.
pub fn config<C: Config>(config: &OnceLock<C>) -> &C {
    config.get_or_init(|| match C::read(b"{}") {
        Ok(read) => read,
        Err(why) => panic!("{why}"),
    })
}

/// From here on a panic's message and place reach the host before the trap does.
fn tell_panics() {
    if cfg!(target_arch = "wasm32") {
        std::panic::set_hook(Box::new(|panic| fail(&panic.to_string())));
    }
}
