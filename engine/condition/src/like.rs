use std::collections::BTreeMap;

/// The longest pattern, in characters: it bounds what one character of text can cost.
pub(crate) const PATTERN_CHARS_MAX: usize = 1024;

/// Fuel for each byte of a text in which plain text is looked for: 1 ns.
const PLAIN_COST: u64 = 4;
/// Fuel for each byte of a text that is looked at character by character: 10 ns, and one more for
/// each word of state.
const CHARACTER_COST: u64 = 40;
const WORD_COST: u64 = 4;

/// A compiled LIKE or ILIKE pattern.
///
/// Matching reads the text once. A piece with `_`, or one that ignores case, is looked for with
/// one machine word of state for each 64 of its characters, so no pattern makes it slow.
#[derive(Debug)]
pub(crate) struct Pattern {
    ignores_case: bool,
    first: Piece,
    /// What stands between one `%` and the next; none is empty.
    middle: Vec<Piece>,
    /// None when there is no `%` at all: then `first` is the whole text.
    last: Option<Piece>,
}

/// Text without `%`. None stands for `_`.
#[derive(Debug)]
struct Piece {
    chars: Vec<Option<char>>,
    search: Search,
}

#[derive(Debug)]
enum Search {
    /// Nothing special in it: the standard library finds it, in linear time.
    Plain(Box<str>),
    /// Where in the piece each character may stand, a bit each; `other` is for characters that
    /// only `_` takes.
    Bits { of: BTreeMap<char, Box<[u64]>>, other: Box<[u64]> },
}

impl Pattern {
    /// Errors: longer than `PATTERN_CHARS_MAX`, or the escape character at its end.
    pub(crate) fn compile(
        text: &str,
        escape: Option<char>,
        ignores_case: bool,
    ) -> Result<Pattern, &'static str> {
        if text.chars().count() > PATTERN_CHARS_MAX {
            return Err("the pattern is too long");
        }
        let mut pieces = vec![Vec::new()];
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let piece = pieces.last_mut().expect("it starts with one piece and only grows");
            if Some(c) == escape {
                let escaped = rest.next().ok_or("the pattern ends in its escape character")?;
                piece.push(Some(fold(escaped, ignores_case)));
            } else if c == '%' {
                pieces.push(Vec::new());
            } else {
                piece.push((c != '_').then(|| fold(c, ignores_case)));
            }
        }
        let mut pieces = pieces.into_iter().map(|chars| Piece::new(chars, ignores_case));
        let first = pieces.next().expect("it starts with one piece and only grows");
        let mut middle: Vec<Piece> = pieces.collect();
        let last = middle.pop();
        middle.retain(|piece| !piece.chars.is_empty());
        Ok(Pattern { ignores_case, first, middle, last })
    }

    /// Whether the text matches, and the fuel for what was read of it. The ends are as good as
    /// free: they are no longer than the pattern.
    pub(crate) fn look(&self, text: &str) -> (bool, u64) {
        let Some(rest) = self.first.strip_start(text, self.ignores_case) else {
            return (false, 0);
        };
        let Some(last) = &self.last else { return (rest.is_empty(), 0) };
        let Some(mut rest) = last.strip_end(rest, self.ignores_case) else { return (false, 0) };
        let mut fuel = 0;
        // The leftmost place for each piece leaves the most for those after it.
        for piece in &self.middle {
            let after = piece.skip_past(rest, self.ignores_case);
            let read = rest.len() - after.map_or(0, str::len);
            fuel += piece.cost() * read as u64;
            match after {
                Some(after) => rest = after,
                None => return (false, fuel),
            }
        }
        (true, fuel)
    }
}

impl Piece {
    fn new(chars: Vec<Option<char>>, ignores_case: bool) -> Piece {
        let plain = if ignores_case { None } else { chars.iter().copied().collect::<Option<_>>() };
        let search = match plain {
            Some(plain) => Search::Plain(String::into_boxed_str(plain)),
            None => bits(&chars),
        };
        Piece { chars, search }
    }

    /// Fuel for each byte of a text in which it is looked for.
    fn cost(&self) -> u64 {
        match &self.search {
            Search::Plain(_) => PLAIN_COST,
            Search::Bits { other, .. } => CHARACTER_COST + WORD_COST * other.len() as u64,
        }
    }

    fn strip_start<'a>(&self, text: &'a str, ignores_case: bool) -> Option<&'a str> {
        if let Search::Plain(plain) = &self.search {
            return text.strip_prefix(&**plain);
        }
        let mut rest = text.chars();
        self.chars
            .iter()
            .all(|wanted| fits(*wanted, rest.next(), ignores_case))
            .then_some(rest.as_str())
    }

    fn strip_end<'a>(&self, text: &'a str, ignores_case: bool) -> Option<&'a str> {
        if let Search::Plain(plain) = &self.search {
            return text.strip_suffix(&**plain);
        }
        let mut rest = text.chars();
        self.chars
            .iter()
            .rev()
            .all(|wanted| fits(*wanted, rest.next_back(), ignores_case))
            .then_some(rest.as_str())
    }

    /// What follows the first place where the piece stands.
    fn skip_past<'a>(&self, text: &'a str, ignores_case: bool) -> Option<&'a str> {
        let (of, other) = match &self.search {
            Search::Plain(plain) => {
                return text.find(&**plain).map(|at| &text[at + plain.len()..]);
            }
            Search::Bits { of, other } => (of, other),
        };
        // Bit i of the state: the last i + 1 characters fit the first i + 1 of the piece.
        let mut state = vec![0u64; other.len()];
        let top = self.chars.len() - 1;
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let allowed = of.get(&fold(c, ignores_case)).unwrap_or(other);
            let mut carry = 1;
            for (word, allowed) in state.iter_mut().zip(allowed) {
                let shifted = (*word << 1) | carry;
                carry = *word >> 63;
                *word = shifted & allowed;
            }
            if state[top / 64] >> (top % 64) & 1 == 1 {
                return Some(rest.as_str());
            }
        }
        None
    }
}

fn bits(chars: &[Option<char>]) -> Search {
    let words = chars.len().div_ceil(64);
    let mut other = vec![0u64; words].into_boxed_slice();
    for (i, _) in chars.iter().enumerate().filter(|(_, c)| c.is_none()) {
        other[i / 64] |= 1 << (i % 64);
    }
    let mut of: BTreeMap<char, Box<[u64]>> = BTreeMap::new();
    for (i, c) in chars.iter().enumerate() {
        if let Some(c) = c {
            of.entry(*c).or_insert_with(|| other.clone())[i / 64] |= 1 << (i % 64);
        }
    }
    Search::Bits { of, other }
}

fn fits(wanted: Option<char>, found: Option<char>, ignores_case: bool) -> bool {
    found.is_some_and(|c| wanted.is_none_or(|wanted| wanted == fold(c, ignores_case)))
}

/// One character to one, so that `_` stays one: those whose lower case is longer stay as they are.
fn fold(c: char, ignores_case: bool) -> char {
    if !ignores_case {
        return c;
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

#[cfg(test)]
#[path = "like/tests.rs"]
mod tests;
