use jsontext::position;

/// The longest name before the `@` that mail knows (RFC 5321).
const NAME_BYTES_MAX: usize = 64;

/// `a@b.cd`; no card is shorter, either.
pub const BYTES_MIN: usize = 6;

/// Appends where `text` has e-mail addresses.
///
/// `git@` is left alone: it begins the address of a repository, never of a person.
pub fn find(text: &[u8], found: &mut Vec<(usize, usize)>) {
    let mut free_from = 0;
    let mut next = 0;
    while let Some(len) = position(&text[next..], b'@', b'@') {
        let at = next + len;
        next = at + 1;
        let name_len = text[free_from..at]
            .iter()
            .rev()
            .take(NAME_BYTES_MAX)
            .take_while(|&&byte| is_of_name(byte))
            .count();
        let Some(domain_len) = domain(&text[at + 1..]) else { continue };
        let from = at - name_len;
        if name_len == 0 || &text[from..at] == b"git" {
            continue;
        }
        free_from = at + 1 + domain_len;
        found.push((from, free_from));
    }
}

/// Bytes above 127 are letters of other scripts. `=`, `&`, `/` and `?` are lawful, too, but far
/// more often they are what stands before an address.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte > 127 || b"._%+-'!#$*^~".contains(&byte)
}

fn is_of_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte > 127 || byte == b'-' || byte == b'.'
}

/// How many bytes of `text` are a domain with a dot in it, from the first on.
fn domain(text: &[u8]) -> Option<usize> {
    let len = text.iter().take_while(|&&byte| is_of_domain(byte)).count();
    let mut domain = &text[..len];
    while let [shorter @ .., b'.' | b'-'] = domain {
        domain = shorter;
    }
    let mut labels = domain.rsplit(|&byte| byte == b'.');
    let top = labels.next()?;
    let is_name = labels.next().is_some_and(|label| !label.is_empty());
    let is_top = top.len() >= 2 && (top.starts_with(b"xn--") || top.iter().all(is_letter));
    (is_name && is_top).then_some(domain.len())
}

fn is_letter(byte: &u8) -> bool {
    byte.is_ascii_alphabetic() || *byte > 127
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find(text.as_bytes(), &mut found);
        found.into_iter().map(|(from, to)| &text[from..to]).collect()
    }

    #[test]
    fn addresses_are_found_whole() {
        assert_eq!(found("jane@example.com"), ["jane@example.com"]);
        assert_eq!(found("to=<j.d+x@mail.example.co.uk>."), ["j.d+x@mail.example.co.uk"]);
        assert_eq!(found("write to a@b.io. Or c@d.de!"), ["a@b.io", "c@d.de"]);
        assert_eq!(found("email=jane@example.com&x=1"), ["jane@example.com"]);
        assert_eq!(found("mailto:jane@xn--bcher-kva.example"), ["jane@xn--bcher-kva.example"]);
        assert_eq!(found("jürgen@bücher.example"), ["jürgen@bücher.example"]);
        assert_eq!(found("1+octo@users.noreply.github.com"), ["1+octo@users.noreply.github.com"]);
    }

    #[test]
    fn what_is_none_is_left() {
        for text in ["@octocat", "a@b", "a@b.c", "a@.com", "a @b.com", "x@1.2.3.4", "@", ""] {
            assert!(found(text).is_empty(), "{text}");
        }
        assert!(found("git@github.com:octo/repo.git").is_empty());
    }

    #[test]
    fn of_two_in_one_word_each_byte_is_found_once() {
        assert_eq!(found("a@b.com@c.org"), ["a@b.com"]);
        assert_eq!(found("a@b.com,c@d.com"), ["a@b.com", "c@d.com"]);
    }
}
