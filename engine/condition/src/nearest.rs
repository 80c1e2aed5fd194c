/// The candidate that `name` was most likely meant to be, whatever its case: at most a third of
/// its characters away, and at most two edits.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().flat_map(char::to_lowercase).take(NAME_CHARS_MAX).collect();
    let allowed = (name.len() / 3).clamp(1, 2);
    let ranked = candidates.into_iter().map(|candidate| (distance(&name, candidate), candidate));
    let (edits, best) = ranked.min_by_key(|(edits, _)| *edits)?;
    (edits <= allowed).then_some(best)
}

/// More is no typing error.
const NAME_CHARS_MAX: usize = 64;

/// Insertions, deletions, replacements and swaps of neighbours.
fn distance(name: &[char], candidate: &str) -> usize {
    let other: Vec<char> =
        candidate.chars().flat_map(char::to_lowercase).take(NAME_CHARS_MAX + 2).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in name.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && name[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_their_word() {
        let names = ["type", "source", "key", "headers", "data", "time"];
        let table = [
            ("tpye", Some("type")),
            ("TYPE", Some("type")),
            ("sorce", Some("source")),
            ("header", Some("headers")),
            ("dta", Some("data")),
            ("repository", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(nearest(name, names), expected, "{name}");
        }
    }
}
