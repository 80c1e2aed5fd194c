use crate::Event;
use crate::batch::{Batch, ENTRY_BYTES, HEADER_BYTES, MAGIC};
use crate::encode::header_block;

/// An event for tests, in the form in which the host hands one over.
///
/// ```
/// use forebay_filter::Sample;
///
/// let sample = Sample::new("push", br#"{"ref":"refs/heads/main"}"#).header("x-from", "test");
/// assert_eq!(sample.event().header("x-from"), Some("test"));
/// ```
#[derive(Clone, Debug)]
pub struct Sample {
    entry: [u8; ENTRY_BYTES],
    headers: Vec<(String, Vec<u8>)>,
    /// Id, type, key, headers and body, in this order.
    fields: [Vec<u8>; 5],
    /// A whole batch of this one event, as if it lay at address `AT`.
    batch: Vec<u8>,
}

const AT: u32 = 0x1_0000;
/// Where an entry keeps (ptr, len) of id, type, key, headers and body.
const FIELDS_AT: [usize; 5] = [56, 24, 16, 32, 40];

impl Sample {
    pub fn new(event_type: &str, body: &[u8]) -> Sample {
        let mut sample = Sample {
            entry: [0; ENTRY_BYTES],
            headers: Vec::new(),
            fields: Default::default(),
            batch: Vec::new(),
        };
        sample.fields[0] = b"evt_sample".to_vec();
        sample.fields[1] = event_type.into();
        sample.fields[4] = body.into();
        sample.entry[48] = u8::from(matches!(body.first(), Some(b'{' | b'[')));
        sample.laid_out()
    }

    #[must_use]
    pub fn id(mut self, id: &str) -> Sample {
        self.fields[0] = id.into();
        self.laid_out()
    }

    #[must_use]
    pub fn key(mut self, key: &str) -> Sample {
        self.fields[2] = key.into();
        self.laid_out()
    }

    /// Lower-cases the name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Sample {
        self.headers.push((name.to_ascii_lowercase(), value.as_ref().to_vec()));
        self.laid_out()
    }

    #[must_use]
    pub fn offset(mut self, offset: u64) -> Sample {
        self.entry[0..8].copy_from_slice(&offset.to_le_bytes());
        self.laid_out()
    }

    #[must_use]
    pub fn time_ns(mut self, time_ns: i64) -> Sample {
        self.entry[8..16].copy_from_slice(&time_ns.to_le_bytes());
        self.laid_out()
    }

    pub fn event(&self) -> Event<'_> {
        let (header, rest) = self.batch.split_first_chunk::<HEADER_BYTES>().expect("laid out");
        Batch::read(AT, *header, rest).expect("laid out by the contract").event(0)
    }

    /// The batch of these events, as the host would write it at address `at`.
    pub fn batch(samples: &[Sample], at: u32) -> Vec<u8> {
        let mut batch = vec![0; HEADER_BYTES + ENTRY_BYTES * samples.len()];
        for (i, sample) in samples.iter().enumerate() {
            let entry = HEADER_BYTES + ENTRY_BYTES * i;
            batch[entry..entry + ENTRY_BYTES].copy_from_slice(&sample.entry);
            for (field, bytes) in FIELDS_AT.into_iter().zip(&sample.fields) {
                batch.resize(batch.len().next_multiple_of(4), 0);
                let ptr = at + batch.len() as u32;
                put(&mut batch, entry + field, ptr);
                put(&mut batch, entry + field + 4, bytes.len() as u32);
                batch.extend_from_slice(bytes);
            }
        }
        let total = batch.len() as u32;
        put(&mut batch, 0, MAGIC);
        batch[4..8].copy_from_slice(&[1, 0, HEADER_BYTES as u8, 0]);
        put(&mut batch, 8, total);
        put(&mut batch, 12, samples.len() as u32);
        put(&mut batch, 16, at + HEADER_BYTES as u32);
        put(&mut batch, 20, ENTRY_BYTES as u32);
        put(&mut batch, 40, u32::MAX);
        batch
    }

    fn laid_out(mut self) -> Sample {
        self.fields[3] = header_block(&self.headers);
        self.batch = Sample::batch(std::slice::from_ref(&self), AT);
        self
    }
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}
