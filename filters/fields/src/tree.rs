use jsontext::{Kind, Pointer, Reader, Step, Text, Token, push_within};
use std::borrow::Cow;

/// A body that is known to be JSON, taken apart where pointers lead and nowhere else.
pub struct Tree<'b> {
    root: Node<'b>,
    /// Of members and elements that may still be taken apart.
    left: usize,
    is_changed: bool,
}

/// So many that memory for all of them is there at the usual limit.
const ITEMS_MAX: usize = 200_000;

/// Taking it apart would need more memory than a filter usually has.
#[derive(Debug)]
pub struct TooMany;

impl TooMany {
    pub const TEXT: &str = "pointers lead into objects and lists of more than 200000 items in all";
}

enum Node<'b> {
    Raw(&'b [u8]),
    /// Names are as they are written between their quotes.
    Object(Vec<(Cow<'b, [u8]>, Node<'b>)>),
    Array(Vec<Node<'b>>),
}

impl<'b> Tree<'b> {
    pub fn of(body: &'b [u8]) -> Tree<'b> {
        Tree { root: Node::Raw(body.trim_ascii()), left: ITEMS_MAX, is_changed: false }
    }

    /// None when nothing was changed.
    pub fn changed(self) -> Option<Vec<u8>> {
        if !self.is_changed {
            return None;
        }
        let mut json = Vec::new();
        self.root.push_json(&mut json);
        Some(json)
    }

    /// Keeps what the pointers lead to, with the containers on the way.
    pub fn pick(&mut self, pointers: &[Pointer]) -> Result<(), TooMany> {
        let pointers: Vec<_> = pointers.iter().collect();
        let Tree { root, left, is_changed } = self;
        if !root.pick(&pointers, 0, left, is_changed)? {
            *is_changed = true;
            root.clear();
        }
        Ok(())
    }

    pub fn drop(&mut self, pointer: &Pointer) -> Result<(), TooMany> {
        let Tree { root, left, is_changed } = self;
        root.at_parents(pointer, 0, left, &mut |parent, last| match parent {
            Node::Object(members) => {
                let before = members.len();
                members.retain(|(name, _)| !pointer.allows(last, &member(name)));
                *is_changed |= members.len() != before;
            }
            Node::Array(elements) => {
                let (before, mut index) = (elements.len(), 0);
                elements.retain(|_| {
                    index += 1;
                    !pointer.allows(last, &Step::Element(index - 1))
                });
                *is_changed |= elements.len() != before;
            }
            Node::Raw(_) => {}
        })
    }

    /// `name` as it is written between quotes. Another member of that name goes.
    pub fn rename(&mut self, pointer: &Pointer, name: &'b [u8]) -> Result<(), TooMany> {
        let Tree { root, left, is_changed } = self;
        let new = decoded(name);
        root.at_parents(pointer, 0, left, &mut |parent, last| {
            let Node::Object(members) = parent else { return };
            let is_renamed = |old: &Cow<'_, [u8]>| pointer.allows(last, &member(old));
            if !members.iter().any(|(old, _)| is_renamed(old)) {
                return;
            }
            *is_changed = true;
            members.retain(|(old, _)| is_renamed(old) || decoded(old) != new);
            for (old, _) in members.iter_mut().filter(|(old, _)| is_renamed(old)) {
                *old = Cow::Borrowed(name);
            }
        })
    }

    /// Where there is none, a member is made, with the objects on the way to it.
    pub fn set(&mut self, pointer: &Pointer, json: &'b [u8]) -> Result<(), TooMany> {
        let Tree { root, left, is_changed } = self;
        root.set(pointer, 0, json, left, is_changed)
    }
}

impl<'b> Node<'b> {
    /// Takes one level apart.
    fn open(&mut self, left: &mut usize) -> Result<(), TooMany> {
        let Node::Raw(raw) = *self else { return Ok(()) };
        let mut reader = Reader::new(raw);
        let Ok(Some(Token::Open(kind))) = reader.next() else { return Ok(()) };
        let (mut members, mut elements) = (Vec::new(), Vec::new());
        let mut name = None;
        while let Ok(Some(token)) = reader.next() {
            let from = reader.from;
            match token {
                Token::Close => break,
                Token::Name(text) => {
                    name = Some(Cow::Borrowed(text.raw));
                    continue;
                }
                Token::Open(_) => reader.skip_known(),
                _ => {}
            }
            *left = left.checked_sub(1).ok_or(TooMany)?;
            let value = Node::Raw(&raw[from..reader.at]);
            match name.take() {
                Some(name) => members.push((name, value)),
                None => elements.push(value),
            }
        }
        *self = match kind {
            Kind::Object => Node::Object(members),
            Kind::Array => Node::Array(elements),
        };
        Ok(())
    }

    fn clear(&mut self) {
        match self {
            Node::Object(members) => members.clear(),
            Node::Array(elements) => elements.clear(),
            Node::Raw(_) => {}
        }
    }

    /// Whether there is anything to keep.
    fn pick(
        &mut self,
        pointers: &[&Pointer],
        depth: usize,
        left: &mut usize,
        is_changed: &mut bool,
    ) -> Result<bool, TooMany> {
        if pointers.iter().any(|pointer| pointer.len() == depth) {
            return Ok(true);
        }
        self.open(left)?;
        let mut failed = false;
        let mut keeps = |step: &Step<'_>, value: &mut Node<'b>| {
            let allowed = pointers.iter().filter(|pointer| pointer.allows(depth, step));
            let allowed: Vec<_> = allowed.copied().collect();
            let keeps = !allowed.is_empty()
                && value.pick(&allowed, depth + 1, left, is_changed).unwrap_or_else(|TooMany| {
                    failed = true;
                    false
                });
            *is_changed |= !keeps;
            keeps
        };
        let is_any = match self {
            Node::Object(members) => {
                members.retain_mut(|(name, value)| keeps(&member(name), value));
                !members.is_empty()
            }
            Node::Array(elements) => {
                let mut index = 0;
                elements.retain_mut(|value| {
                    index += 1;
                    keeps(&Step::Element(index - 1), value)
                });
                !elements.is_empty()
            }
            Node::Raw(_) => false,
        };
        if failed { Err(TooMany) } else { Ok(is_any) }
    }

    /// Calls `act` for each container that may have what the pointer leads to, with the index of
    /// the pointer's last step.
    fn at_parents(
        &mut self,
        pointer: &Pointer,
        depth: usize,
        left: &mut usize,
        act: &mut dyn FnMut(&mut Node<'b>, usize),
    ) -> Result<(), TooMany> {
        self.open(left)?;
        if depth + 1 == pointer.len() {
            act(self, depth);
            return Ok(());
        }
        self.each_at(pointer, depth, &mut |value| value.at_parents(pointer, depth + 1, left, act))
            .map(|_| ())
    }

    /// How many values the pointer's step of this index leads to.
    fn each_at(
        &mut self,
        pointer: &Pointer,
        index: usize,
        act: &mut dyn FnMut(&mut Node<'b>) -> Result<(), TooMany>,
    ) -> Result<usize, TooMany> {
        let mut count = 0;
        match self {
            Node::Object(members) => {
                for (name, value) in members {
                    if pointer.allows(index, &member(name)) {
                        count += 1;
                        act(value)?;
                    }
                }
            }
            Node::Array(elements) => {
                for (i, value) in elements.iter_mut().enumerate() {
                    if pointer.allows(index, &Step::Element(i)) {
                        count += 1;
                        act(value)?;
                    }
                }
            }
            Node::Raw(_) => {}
        }
        Ok(count)
    }

    fn set(
        &mut self,
        pointer: &Pointer,
        depth: usize,
        json: &'b [u8],
        left: &mut usize,
        is_changed: &mut bool,
    ) -> Result<(), TooMany> {
        if depth == pointer.len() {
            if !matches!(self, Node::Raw(raw) if *raw == json) {
                *is_changed = true;
                *self = Node::Raw(json);
            }
            return Ok(());
        }
        self.open(left)?;
        let count = self.each_at(pointer, depth, &mut |value| {
            value.set(pointer, depth + 1, json, left, is_changed)
        })?;
        let Some(name) = pointer.name(depth).filter(|_| count == 0) else { return Ok(()) };
        let mut fresh = Node::Object(Vec::new());
        match self {
            Node::Object(members) => {
                fresh.set(pointer, depth + 1, json, left, is_changed)?;
                let mut written = Vec::new();
                push_within(&mut written, name.as_bytes());
                members.push((written.into(), fresh));
            }
            Node::Array(elements) if name == "-" => {
                fresh.set(pointer, depth + 1, json, left, is_changed)?;
                elements.push(fresh);
            }
            _ => {}
        }
        Ok(())
    }

    fn push_json(&self, json: &mut Vec<u8>) {
        match self {
            Node::Raw(raw) => json.extend_from_slice(raw),
            Node::Array(elements) => {
                json.push(b'[');
                for (i, element) in elements.iter().enumerate() {
                    if i > 0 {
                        json.push(b',');
                    }
                    element.push_json(json);
                }
                json.push(b']');
            }
            Node::Object(members) => {
                json.push(b'{');
                for (i, (name, value)) in members.iter().enumerate() {
                    json.extend_from_slice(if i > 0 { b",\"" } else { b"\"" });
                    json.extend_from_slice(name);
                    json.extend_from_slice(b"\":");
                    value.push_json(json);
                }
                json.push(b'}');
            }
        }
    }
}

fn member(name: &[u8]) -> Step<'_> {
    Step::Member(decoded(name))
}

fn decoded(name: &[u8]) -> Cow<'_, [u8]> {
    Text { from: 0, raw: name, has_escapes: name.contains(&b'\\') }.decoded()
}
