use crate::levels::Levels;
use crate::{Config, card, email};
use jsontext::{Bad, Edits, Scan, Seen, Text, Token};
use std::ops::Range;

/// The body without what is to be redacted, when it is one JSON value; none when there is nothing
/// to redact.
pub fn redacted(config: &Config, body: &[u8]) -> Result<Option<Vec<u8>>, Bad> {
    let mut scan = Scan::new(body, &config.pointers);
    let mut edits = Edits::default();
    let mut levels = Levels::default();
    let mut found = Vec::new();
    // The beginning of a member, while its value has not begun.
    let mut named = None;
    while let Some(token) = scan.next()? {
        let (from, to) = scan.place();
        let is_led_to = scan.is_led_to();
        match token {
            Token::Name(_) if is_led_to => named = Some(from),
            Token::Name(name) => {
                named = Some(from);
                if config.removes {
                    levels.keep(&mut edits, body, scan.depth(), from..to);
                }
                redact_text(config, body, name, &mut edits, &mut found);
            }
            Token::Close => levels.close(&mut edits, body, scan.depth(), to),
            token => {
                let begins = named.take().unwrap_or(from);
                if is_led_to {
                    if let Token::Open(_) = token {
                        scan.skip()?;
                    }
                    let (_, end) = scan.place();
                    if config.removes {
                        levels.remove(&mut edits, body, scan.depth(), begins..end);
                    } else {
                        edits.replace(body, from, end, &config.quoted);
                    }
                    continue;
                }
                if config.removes {
                    levels.keep(&mut edits, body, scan.depth(), begins..to);
                }
                match token {
                    Token::Open(_) if !scan.may_lead_below() => {
                        scan.skip_seeing(|seen, from, to| match seen {
                            Seen::Name(text) | Seen::Text(text) => {
                                redact_text(config, body, text, &mut edits, &mut found);
                            }
                            Seen::Number => {
                                redact_number(config, body, from..to, &mut edits, &mut found);
                            }
                        })?;
                        let (_, end) = scan.place();
                        if config.removes {
                            levels.keep(&mut edits, body, scan.depth(), begins..end);
                        }
                    }
                    // Nothing is removed from what no pointer reaches into.
                    Token::Open(_) if scan.depth() < scan.reach() => levels.open(scan.depth()),
                    Token::Text(text) => redact_text(config, body, text, &mut edits, &mut found),
                    Token::Number => {
                        redact_number(config, body, from..to, &mut edits, &mut found);
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(edits.finish(body))
}

fn redact_number(
    config: &Config,
    body: &[u8],
    number: Range<usize>,
    edits: &mut Edits,
    found: &mut Vec<(usize, usize)>,
) {
    if config.is_for_cards && number.len() >= card::DIGITS_MIN {
        card::find(&body[number.clone()], found);
        if *found == [(0, number.len())] {
            edits.replace(body, number.start, number.end, &config.quoted);
        }
        found.clear();
    }
}

/// The same for a body that is searched as text.
pub fn redacted_text(config: &Config, body: &[u8]) -> Option<Vec<u8>> {
    let mut edits = Edits::default();
    let mut found = Vec::new();
    search(config, body, &mut found);
    for (from, to) in found {
        edits.replace(body, from, to, &config.plain);
    }
    edits.finish(body)
}

fn redact_text(
    config: &Config,
    body: &[u8],
    text: Text<'_>,
    edits: &mut Edits,
    found: &mut Vec<(usize, usize)>,
) {
    if text.raw.len() < email::BYTES_MIN {
        return;
    }
    if !text.has_escapes {
        search(config, text.raw, found);
        for (from, to) in found.drain(..) {
            edits.replace(body, text.from + from, text.from + to, &config.within);
        }
        return;
    }
    let (decoded, origins) = text.decoded_with_origins();
    search(config, &decoded, found);
    for (from, to) in found.drain(..) {
        let (from, to) = (text.from + origins.at(from), text.from + origins.at(to));
        edits.replace(body, from, to, &config.within);
    }
}

/// Where the patterns match, in order and apart from one another.
fn search(config: &Config, text: &[u8], found: &mut Vec<(usize, usize)>) {
    if config.is_for_emails {
        email::find(text, found);
    }
    let emails = found.len();
    if config.is_for_cards {
        card::find(text, found);
    }
    if emails == 0 || emails == found.len() {
        return;
    }
    found.sort_unstable();
    // Two that overlap become one, so that nothing of either is left.
    found.dedup_by(|next, last| {
        let overlaps = next.0 < last.1;
        if overlaps {
            last.1 = last.1.max(next.1);
        }
        overlaps
    });
}
