#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chat {
    Slack,
    Discord,
}

impl Chat {
    /// Characters that a message may have.
    pub fn length_max(self) -> usize {
        match self {
            Chat::Slack => 40_000,
            Chat::Discord => 2_000,
        }
    }

    /// What stands before and behind the text in the body that the chat's webhook takes.
    pub fn envelope(self) -> (&'static str, &'static str) {
        match self {
            Chat::Slack => ("{\"text\":", "}"),
            Chat::Discord => ("{\"content\":", ",\"allowed_mentions\":{\"parse\":[]}}"),
        }
    }
}

/// A text in the making, which ends with `…` where it would be longer than it may be.
pub struct Message {
    chat: Chat,
    text: String,
    /// Characters that are left.
    left: usize,
    is_cut: bool,
    /// Bytes of the text before the last unit.
    before_last: usize,
}

impl Message {
    pub fn new(chat: Chat, length_max: usize) -> Message {
        Message { chat, text: String::new(), left: length_max, is_cut: false, before_last: 0 }
    }

    pub fn push_markup(&mut self, text: &str) {
        let mut utf8 = [0; 4];
        for char in text.chars() {
            self.push(char.encode_utf8(&mut utf8), 1);
        }
    }

    /// At most so many characters of a text in which the chat sees no markup.
    pub fn push_plain(&mut self, text: &[u8], chars_max: usize) {
        // Four bytes a character are enough, and a large body costs no more than a small one.
        let bytes_max = text.len().min(chars_max.saturating_mul(4).saturating_add(4));
        let known = String::from_utf8_lossy(&text[..bytes_max]);
        let mut chars = known.chars();
        let mut utf8 = [0; 4];
        for char in chars.by_ref().take(chars_max) {
            match (self.chat, char) {
                (Chat::Slack, '&') => self.push("&amp;", 5),
                (Chat::Slack, '<') => self.push("&lt;", 4),
                (Chat::Slack, '>') => self.push("&gt;", 4),
                (
                    Chat::Discord,
                    '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '[' | ']' | '#',
                ) => {
                    self.push(&format!("\\{char}"), 2);
                }
                (_, '\r') => {}
                (_, char) if char.is_control() && char != '\n' && char != '\t' => {}
                (_, char) => self.push(char.encode_utf8(&mut utf8), 1),
            }
        }
        if chars.next().is_some() {
            self.push("…", 1);
        }
    }

    /// Something that must not be cut apart.
    fn push(&mut self, unit: &str, chars: usize) {
        if self.is_cut {
            return;
        }
        if chars > self.left {
            self.is_cut = true;
            return;
        }
        self.left -= chars;
        self.before_last = self.text.len();
        self.text.push_str(unit);
    }

    pub fn text(mut self) -> String {
        if self.is_cut {
            if self.left == 0 {
                self.text.truncate(self.before_last);
            }
            self.text.push('…');
        }
        self.text
    }
}
