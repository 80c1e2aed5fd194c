//! Modules that are made rather than written, for the tests of the binary too.

pub fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn section(id: u8, content: Vec<u8>) -> Vec<u8> {
    [vec![id], leb(content.len() as u32), content].concat()
}

/// `functions` copies of one body, beside the exports that a filter needs.
pub fn module(functions: u32, body: &[u8]) -> Vec<u8> {
    let sized = |body: &[u8]| [leb(body.len() as u32), body.to_vec()].concat();
    let types = [&[3, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f][..], &[0x60, 2, 0x7f, 0x7f, 1, 0x7e]];
    let mut declared = leb(functions + 2);
    declared.extend([1, 2]);
    declared.extend(vec![0; functions as usize]);
    let name = |name: &str, rest: [u8; 2]| [&[name.len() as u8], name.as_bytes(), &rest].concat();
    let exports = [
        vec![3],
        name("memory", [2, 0]),
        name("forebay_buffer", [0, 0]),
        name("forebay_process_v1", [0, 1]),
    ];
    let mut code = leb(functions + 2);
    code.extend(sized(&[0, 0x41, 16, 0x0b]));
    code.extend(sized(&[0, 0x42, 0, 0x0b]));
    for _ in 0..functions {
        code.extend(sized(body));
    }
    let header = b"\0asm\x01\0\0\0".to_vec();
    let sections = [
        section(1, types.concat()),
        section(3, declared),
        section(5, vec![1, 0, 1]),
        section(7, exports.concat()),
        section(10, code),
    ];
    [header, sections.concat()].concat()
}
