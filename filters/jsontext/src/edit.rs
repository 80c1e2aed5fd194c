/// A text in which some places are replaced, in order.
#[derive(Debug, Default)]
pub struct Edits {
    edited: Vec<u8>,
    kept_to: usize,
    is_edited: bool,
}

impl Edits {
    /// Puts `with` in the place of the bytes `from..to` of `text`, which is the same each time.
    ///
    /// # Panics
    /// When they do not lie behind the last ones.
    pub fn replace(&mut self, text: &[u8], from: usize, to: usize, with: &[u8]) {
        assert!(self.kept_to <= from && from <= to, "edits come in order and apart");
        if !self.is_edited {
            self.edited.reserve(text.len() + text.len() / 8 + 64);
            self.is_edited = true;
        }
        self.edited.extend_from_slice(&text[self.kept_to..from]);
        self.edited.extend_from_slice(with);
        self.kept_to = to;
    }

    /// None when nothing was replaced.
    pub fn finish(mut self, text: &[u8]) -> Option<Vec<u8>> {
        if !self.is_edited {
            return None;
        }
        self.edited.extend_from_slice(&text[self.kept_to..]);
        Some(self.edited)
    }
}
