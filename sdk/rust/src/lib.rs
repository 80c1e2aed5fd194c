//! Owns:    the guest contract (`sdk/guest-abi.md`) as seen from a filter written in Rust.
//! Imports: std; serde and serde_json with the feature `json`.
//! Never:   copies an event, allocates per event, or asks the filter's author about memory.
//!
//! A filter is a function from an event to a verdict:
//!
//! ```
//! use forebay_filter::{Event, filter};
//!
//! fn is_paid(event: Event) -> bool {
//!     event.event_type() == "order.paid"
//! }
//!
//! filter!(is_paid);
//! ```
//!
//! It may answer `bool` (keep or drop), an [`Output`] (this instead), a [`Verdict`] (any of the
//! five), or a `Result` of these (an error rejects the event, with its text as the reason). With a
//! configuration, it takes that first: see [`filter!`]. A panic costs the one event that caused it.
//!
//! Tests are native: make an event of a [`Sample`], call the function, look at the answer.

mod batch;
mod config;
mod encode;
mod event;
mod guest;
mod headers;
mod output;
mod sample;
mod table;
mod verdict;

#[doc(hidden)]
pub mod entry;

pub use config::Config;
#[cfg(feature = "json")]
pub use config::json;
pub use event::Event;
pub use guest::{Level, count, gauge, log, random};
pub use headers::Headers;
pub use output::{Header, Output};
pub use sample::Sample;
pub use table::look_up;
#[cfg(not(target_arch = "wasm32"))]
pub use table::set_entry;
pub use verdict::{IntoVerdict, Verdict};

/// Makes a function the filter of this module: one `filter!` in a crate of type `cdylib`.
///
/// `filter!(f)` wants `fn f(event: Event) -> impl IntoVerdict`.
///
/// `filter!(f, config = C)` wants `fn f(config: &C, event: Event) -> impl IntoVerdict` and a type
/// `C` that implements [`Config`]; with the feature `json` every `serde::Deserialize` does. The
/// configuration is read once, when the module starts; one that cannot be read refuses the start.
#[macro_export]
macro_rules! filter {
    ($filter:path) => {
        $crate::filter!(@process |event| $filter(event));
    };
    ($filter:path, config = $config:ty) => {
        static FOREBAY_CONFIG: ::std::sync::OnceLock<$config> = ::std::sync::OnceLock::new();

        #[cfg(target_arch = "wasm32")]
        #[unsafe(no_mangle)]
        extern "C" fn forebay_init_v1(at: u32, len: u32) -> i32 {
            // SAFETY: the host keeps the contract: its bytes are there until this returns.
            unsafe { $crate::entry::start(at, len, &FOREBAY_CONFIG) }
        }

        $crate::filter!(@process |event| $filter($crate::entry::config(&FOREBAY_CONFIG), event));
    };
    (@process |$event:ident| $verdict:expr) => {
        #[cfg(target_arch = "wasm32")]
        #[unsafe(no_mangle)]
        extern "C" fn forebay_buffer(len: u32) -> u32 {
            $crate::entry::buffer(len)
        }

        #[cfg(target_arch = "wasm32")]
        #[unsafe(no_mangle)]
        extern "C" fn forebay_process_v1(at: u32, len: u32) -> i64 {
            // SAFETY: the host keeps the contract: it wrote the batch where `forebay_buffer` said.
            unsafe { $crate::entry::filter_batch(at, len, forebay_verdict) }
        }

        // Outside wasm32 nobody calls it, yet the compiler shall check it.
        #[allow(dead_code)]
        fn forebay_verdict($event: $crate::Event<'_>) -> $crate::Verdict<'_> {
            $crate::IntoVerdict::into_verdict($verdict)
        }
    };
}

/// The examples of the README, run as tests.
#[cfg(all(doctest, feature = "json"))]
#[doc = include_str!("../README.md")]
struct Readme;
