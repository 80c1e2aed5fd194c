//! What operators know beside the events: lookup tables.

#[cfg(target_arch = "wasm32")]
#[link(wasm_import_module = "forebay_v1")]
unsafe extern "C" {
    #[link_name = "table_get"]
    fn host_table_get(
        table: *const u8,
        table_len: usize,
        key: *const u8,
        key_len: usize,
        to: *mut u8,
        room: usize,
    ) -> i32;
}

/// What most values have room in, so that the host is asked once.
#[cfg(target_arch = "wasm32")]
const ROOM: usize = 256;

/// A value of a lookup table of the filter's application; none where the table or the key is not
/// there. All events of a batch see the same version. While the module starts there are no tables:
/// what was kept from then on would outlive the version that it came from.
#[cfg(target_arch = "wasm32")]
pub fn look_up(table: &str, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    let key = key.as_ref();
    let mut value = vec![0; ROOM];
    loop {
        // SAFETY: the host reads both texts and writes within `value`, and keeps nothing of them.
        let said = unsafe {
            let (to, room) = (value.as_mut_ptr(), value.len());
            host_table_get(table.as_ptr(), table.len(), key.as_ptr(), key.len(), to, room)
        };
        let len = usize::try_from(said).ok()?;
        if len <= value.len() {
            value.truncate(len);
            return Some(value);
        }
        value.resize(len, 0);
    }
}

#[cfg(not(target_arch = "wasm32"))]
type Entries = std::collections::BTreeMap<(String, Vec<u8>), Vec<u8>>;

#[cfg(not(target_arch = "wasm32"))]
thread_local! {
    static ENTRIES: std::cell::RefCell<Entries> = const { std::cell::RefCell::new(Entries::new()) };
}

/// In a native test: what [`set_entry`] has set on this thread.
#[cfg(not(target_arch = "wasm32"))]
pub fn look_up(table: &str, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    let entry = (table.to_owned(), key.as_ref().to_vec());
    ENTRIES.with_borrow(|entries| entries.get(&entry).cloned())
}

/// Sets what [`look_up`] finds. Native tests have it alone.
#[cfg(not(target_arch = "wasm32"))]
pub fn set_entry(table: &str, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
    let entry = (table.to_owned(), key.as_ref().to_vec());
    ENTRIES.with_borrow_mut(|entries| entries.insert(entry, value.as_ref().to_vec()));
}
