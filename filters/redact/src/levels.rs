use jsontext::Edits;
use std::ops::Range;

/// The containers that are open, so that with a member or an element its comma goes, too.
#[derive(Default)]
pub struct Levels(Vec<Level>);

#[derive(Clone, Default)]
struct Level {
    /// Where the last item that was kept or removed ends.
    end: usize,
    has_kept: bool,
    /// Items from here to `end` are to go, with what parts them from the first that is kept.
    going_from: Option<usize>,
}

impl Levels {
    pub fn open(&mut self, depth: usize) {
        self.0.truncate(depth);
        self.0.resize(depth + 1, Level::default());
        self.0[depth] = Level::default();
    }

    /// An item of `depth` steps stays. `item` ends with its value, or where that begins.
    pub fn keep(&mut self, edits: &mut Edits, body: &[u8], depth: usize, item: Range<usize>) {
        let Some(level) = self.within(depth) else { return };
        if let Some(from) = level.going_from.take() {
            edits.replace(body, from, item.start, b"");
        }
        level.has_kept = true;
        level.end = item.end;
    }

    /// An item of `depth` steps goes.
    pub fn remove(&mut self, edits: &mut Edits, body: &[u8], depth: usize, item: Range<usize>) {
        let Some(level) = self.within(depth) else { return };
        if level.has_kept {
            edits.replace(body, level.end, item.end, b"");
        } else {
            level.going_from.get_or_insert(item.start);
        }
        level.end = item.end;
    }

    /// The container that `depth` steps lead to ends before the byte `to`.
    pub fn close(&mut self, edits: &mut Edits, body: &[u8], depth: usize, to: usize) {
        if let Some(level) = self.0.get_mut(depth)
            && let Some(from) = level.going_from.take()
        {
            edits.replace(body, from, level.end, b"");
        }
        self.0.truncate(depth);
        if let Some(level) = self.within(depth) {
            level.end = to;
        }
    }

    fn within(&mut self, depth: usize) -> Option<&mut Level> {
        self.0.get_mut(depth.checked_sub(1)?)
    }
}
