use crate::{Bad, Pointer, Reader, Seen, Step, Token};

/// A reader that knows which pointers lead to the value at hand.
pub struct Scan<'b, 'p> {
    reader: Reader<'b>,
    pointers: &'p [Pointer],
    /// For each pointer: with how many of its steps the path begins, while that matters.
    matched: Vec<usize>,
    /// Of the elements that were begun, in each container that a pointer may reach.
    counts: Vec<usize>,
    /// The longest pointer's steps.
    reach: usize,
    /// Steps to the value at hand.
    depth: usize,
    is_named: bool,
}

impl<'b, 'p> Scan<'b, 'p> {
    pub fn new(body: &'b [u8], pointers: &'p [Pointer]) -> Scan<'b, 'p> {
        let reach = pointers.iter().map(Pointer::len).max().unwrap_or(0);
        Scan {
            reader: Reader::new(body),
            pointers,
            matched: vec![0; pointers.len()],
            counts: vec![0; reach + 1],
            reach,
            depth: 0,
            is_named: false,
        }
    }

    /// None at the end. At a member's name the path is that of its value already.
    pub fn next(&mut self) -> Result<Option<Token<'b>>, Bad> {
        let depth = self.reader.depth();
        let token = self.reader.next()?;
        match token {
            None => return Ok(None),
            Some(Token::Close) => {
                self.depth = depth - 1;
                self.is_named = false;
                return Ok(token);
            }
            Some(Token::Name(name)) => {
                self.depth = depth;
                self.is_named = true;
                if depth <= self.reach && self.is_alive(depth) {
                    self.step(depth, &Step::Member(name.decoded()));
                }
                return Ok(token);
            }
            Some(_) => self.depth = depth,
        }
        let is_element = depth > 0 && !self.is_named;
        self.is_named = false;
        if is_element && depth <= self.reach {
            let index = self.counts[depth];
            self.counts[depth] += 1;
            self.step(depth, &Step::Element(index));
        }
        if let (Some(Token::Open(_)), Some(count)) = (token, self.counts.get_mut(depth + 1)) {
            *count = 0;
        }
        Ok(token)
    }

    /// Goes to the end of the container that was just opened.
    pub fn skip(&mut self) -> Result<(), Bad> {
        self.reader.skip()
    }

    /// As `Reader::skip_seeing`.
    pub fn skip_seeing(&mut self, see: impl FnMut(Seen<'b>, usize, usize)) -> Result<(), Bad> {
        self.reader.skip_seeing(see)
    }

    /// Whether a pointer may lead to something within the value at hand.
    pub fn may_lead_below(&self) -> bool {
        let lead =
            |(p, &matched): (&Pointer, &usize)| p.len() > self.depth && matched >= self.depth;
        self.depth < self.reach && self.pointers.iter().zip(&self.matched).any(lead)
    }

    /// Where the last token begins, and where it ends.
    pub fn place(&self) -> (usize, usize) {
        (self.reader.from, self.reader.at)
    }

    /// Steps to the value of the last token; at the end of a container to that container.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Steps of the longest pointer.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// Whether the pointer of this index leads here.
    pub fn leads(&self, index: usize) -> bool {
        self.matched[index] == self.depth && self.pointers[index].len() == self.depth
    }

    /// Whether any pointer leads here.
    pub fn is_led_to(&self) -> bool {
        (0..self.pointers.len()).any(|index| self.leads(index))
    }

    /// Whether any pointer leads here or to a container of this value.
    pub fn is_within(&self) -> bool {
        self.pointers.iter().zip(&self.matched).any(|(p, &matched)| p.len() == matched)
    }

    fn is_alive(&self, depth: usize) -> bool {
        self.matched.iter().any(|&matched| matched + 1 >= depth)
    }

    /// The path has a new last step, its `depth`th.
    fn step(&mut self, depth: usize, step: &Step<'_>) {
        for (pointer, matched) in self.pointers.iter().zip(&mut self.matched) {
            if pointer.len() >= depth && *matched + 1 >= depth {
                *matched = if pointer.allows(depth - 1, step) { depth } else { depth - 1 };
            }
        }
    }
}

/// The bytes of the value that each pointer leads to. Of members of one name the last counts, as
/// for most readers of JSON; a `*` finds the last of all.
pub fn find<'b>(body: &'b [u8], pointers: &[Pointer]) -> Result<Vec<Option<&'b [u8]>>, Bad> {
    let mut found = vec![None; pointers.len()];
    // Containers that pointers lead to, and where they begin.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut scan = Scan::new(body, pointers);
    while let Some(token) = scan.next()? {
        let (from, to) = scan.place();
        match token {
            Token::Name(_) => {}
            Token::Close => {
                while let Some(&(index, begins)) = open.last()
                    && pointers[index].len() == scan.depth()
                {
                    open.pop();
                    found[index] = Some(&body[begins..to]);
                }
            }
            token => {
                let is_dead = matches!(token, Token::Open(_)) && !scan.may_lead_below();
                if is_dead {
                    scan.skip()?;
                }
                let (_, to) = scan.place();
                for index in (0..pointers.len()).filter(|&index| scan.leads(index)) {
                    match token {
                        Token::Open(_) if !is_dead => open.push((index, from)),
                        _ => found[index] = Some(&body[from..to]),
                    }
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str, pointers: &[&str]) -> Vec<Option<String>> {
        let pointers: Vec<_> =
            pointers.iter().map(|text| Pointer::read(text).expect("a pointer")).collect();
        let found = find(body.as_bytes(), &pointers).expect("JSON");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        found.into_iter().map(|bytes| bytes.map(text)).collect()
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some(text.to_string())).collect()
    }

    #[test]
    fn values_are_found_as_they_are_written() {
        let body = r#"{"a":{"b":[10,{"c":1.50}, "x"]},"d":"é\n","e":{}}"#;
        let pointers = ["", "/a/b", "/a/b/1/c", "/a/b/2", "/d", "/e", "/a"];
        let want = [
            body,
            r#"[10,{"c":1.50}, "x"]"#,
            "1.50",
            "\"x\"",
            r#""é\n""#,
            "{}",
            r#"{"b":[10,{"c":1.50}, "x"]}"#,
        ];
        assert_eq!(found(body, &pointers), some(&want));
        assert_eq!(found(body, &["/b", "/a/b/3", "/a/c", "/a/b/0/0"]), [None, None, None, None]);
    }

    #[test]
    fn siblings_do_not_lend_their_path() {
        let body = r#"{"a":{"x":1},"b":{"c":2},"c":3,"d":[[{"c":4}],{"c":5}]}"#;
        assert_eq!(found(body, &["/a/c", "/b/x"]), [None, None]);
        assert_eq!(found(body, &["/d/1/c", "/d/0/0/c", "/c"]), some(&["5", "4", "3"]));
        assert_eq!(found(body, &["/d/0/c"]), [None]);
    }

    #[test]
    fn of_one_name_the_last_counts() {
        let body = r#"{"a":1,"a":{"b":2},"a":{"b":3}}"#;
        assert_eq!(found(body, &["/a", "/a/b"]), some(&[r#"{"b":3}"#, "3"]));
    }
}
