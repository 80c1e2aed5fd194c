/// Replacements in a text, in order and apart from one another.
#[derive(Debug, Default)]
pub struct Edits<'c>(Vec<Edit<'c>>);

#[derive(Debug)]
struct Edit<'c> {
    from: usize,
    to: usize,
    with: [&'c str; 3],
}

impl<'c> Edits<'c> {
    /// Puts `before`, `mask` and `after` in the place of the bytes `from..to`.
    ///
    /// # Panics
    /// When it does not lie behind the last one.
    pub fn replace(
        &mut self,
        from: usize,
        to: usize,
        before: &'c str,
        mask: &'c str,
        after: &'c str,
    ) {
        let is_behind = self.0.last().is_none_or(|last| last.to <= from);
        assert!(is_behind && from <= to, "edits come in order and apart");
        self.0.push(Edit { from, to, with: [before, mask, after] });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn applied_to(&self, text: &[u8]) -> Vec<u8> {
        let mut edited = Vec::with_capacity(text.len() + 16 * self.0.len());
        let mut kept_to = 0;
        for edit in &self.0 {
            edited.extend_from_slice(&text[kept_to..edit.from]);
            edit.with.iter().for_each(|part| edited.extend_from_slice(part.as_bytes()));
            kept_to = edit.to;
        }
        edited.extend_from_slice(&text[kept_to..]);
        edited
    }
}
