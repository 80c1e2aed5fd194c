//! Parts of long texts, chosen so that two that differ look different.

const CHARACTERS_MAX: usize = 200;
/// Of what is alike before the first difference.
const LEAD_CHARACTERS: usize = 40;

/// Where excerpts of two texts begin, in bytes: at their start, or shortly before they differ when
/// one of them has to be cut.
pub(super) fn start(old: &str, new: &str) -> usize {
    let is_long = |text: &str| text.chars().nth(CHARACTERS_MAX).is_some();
    if !is_long(old) && !is_long(new) {
        return 0;
    }
    let same = old.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
    // What is before it is the same in both, so it is a boundary in both.
    let same = old.floor_char_boundary(same);
    let lead = old[..same].char_indices().rev().nth(LEAD_CHARACTERS - 1);
    lead.map_or(0, |(at, _)| at)
}

/// The text from there on, and how long all of it is when that is not the whole.
pub(super) fn cut(text: &str, from: usize) -> String {
    let lead = if from > 0 { "…" } else { "" };
    let (rest, bytes) = (&text[from..], text.len());
    match rest.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{lead}{}… ({bytes} bytes)", &rest[..end]),
        None if from > 0 => format!("{lead}{rest} ({bytes} bytes)"),
        None => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_told_whole() {
        assert_eq!(start("same and one", "same and two"), 0);
        let fits = "é".repeat(CHARACTERS_MAX);
        assert_eq!(cut(&fits, 0), fits);
        assert_eq!(cut(&format!("{fits}é"), 0), format!("{fits}… (402 bytes)"));
    }

    #[test]
    fn what_is_long_is_cut_around_the_first_difference() {
        let lead = "é".repeat(1_000);
        // Both begin with the same byte, so what differs begins before it.
        let (old, new) = (format!("{lead}äold"), format!("{lead}önew"));
        let from = start(&old, &new);
        assert_eq!(from, 2 * (1_000 - LEAD_CHARACTERS));
        let shown = "é".repeat(LEAD_CHARACTERS);
        assert_eq!(cut(&old, from), format!("…{shown}äold (2005 bytes)"));
        assert_eq!(cut(&new, from), format!("…{shown}önew (2005 bytes)"));
        let (short, longer) = (&old[..2_000], format!("{lead}!"));
        assert_eq!(start(short, &longer), from, "the end of one is a difference");
    }
}
