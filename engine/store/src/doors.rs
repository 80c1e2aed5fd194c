//! What is read before fjall sees it, for the fuzz targets alone.

pub use crate::head::{Found, Head, HeadFile};
pub use crate::index::decode_index;
pub use crate::journal::{Journal, Step};
pub use crate::mark::{Mark, OpenGeneration};
pub use crate::scan::Scan;
