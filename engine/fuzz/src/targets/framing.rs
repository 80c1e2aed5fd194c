use super::take::Take;
use ingest::doors::inspected;

/// The size of the pieces, then what a connection brings. After something ambiguous nothing is
/// left to believe. However it came, hyper sees the same lines; of the first bad one it may have
/// seen the beginning, never the end.
pub fn framing(bytes: &[u8]) {
    let mut take = Take(bytes);
    let sizes = take.array::<4>().map(usize::from);
    let sent = take.rest();
    let whole = inspected(sent, &[]);
    assert_eq!(whole.len(), sent.len());
    let pieces: Vec<usize> = sizes.iter().copied().cycle().take(sent.len()).collect();
    let cut = inspected(sent, &pieces);
    let [kept, of_cut] = [&whole, &cut].map(|seen| {
        let kept = seen.iter().zip(sent).take_while(|(seen, sent)| seen == sent).count();
        assert!(seen[kept..].iter().all(|byte| *byte == 0), "something is believed after all");
        kept
    });
    assert!(kept <= of_cut, "cut at {sizes:?} less is believed");
    assert!(!sent[kept..of_cut].contains(&b'\n'), "cut at {sizes:?} another line is believed");
    let head_end = sent.windows(4).position(|window| window == b"\r\n\r\n");
    if kept == sent.len()
        && let Some(end) = head_end
    {
        is_plain(&sent[..end]);
    }
}

/// Of a first head that passed: nothing that servers are known to disagree about.
fn is_plain(head: &[u8]) {
    let lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    let mut lengths = 0;
    let mut codings = 0;
    // Empty lines before a request are passed over by both.
    let fields = lines.iter().skip_while(|line| line.trim_ascii().is_empty()).skip(1);
    for field in fields {
        assert!(!field.starts_with(b" ") && !field.starts_with(b"\t"), "a folded line");
        let name = field.split(|byte| *byte == b':').next().unwrap();
        assert!(name.len() < field.len(), "a line without a colon");
        assert!(!name.ends_with(b" ") && !name.ends_with(b"\t"), "a space before the colon");
        lengths += usize::from(name.eq_ignore_ascii_case(b"content-length"));
        codings += usize::from(name.eq_ignore_ascii_case(b"transfer-encoding"));
    }
    assert!(lengths + codings <= 1, "{lengths} lengths and {codings} codings");
}
