use jsontext::{Kind, Reader, Token};

/// Deeper containers are left as they are.
const DEPTH_MAX: usize = 32;
/// The host takes no more.
const BYTES_MAX: usize = 8 << 20;

struct Level {
    kind: Kind,
    /// How long the path to the container is.
    path_len: usize,
    count: usize,
}

/// One object of all values that are no containers, each named by its path. None for a body that
/// has no members.
pub fn flattened(body: &[u8], separator: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let told = |bad: jsontext::Bad| format!("the body is not JSON: {bad}");
    let mut reader = Reader::new(body);
    let mut levels: Vec<Level> = Vec::new();
    let mut path = Vec::new();
    let mut flat = Vec::with_capacity(body.len() + 16);
    while let Some(token) = reader.next().map_err(told)? {
        let from = reader.from;
        match (token, levels.last_mut()) {
            (Token::Close, _) => {
                let Some(closed) = levels.pop() else { continue };
                path.truncate(closed.path_len);
                if closed.count == 0 && !levels.is_empty() {
                    let empty: &[u8] = if closed.kind == Kind::Object { b"{}" } else { b"[]" };
                    push_member(&mut flat, &path, empty);
                }
                continue;
            }
            (Token::Name(name), Some(level)) => {
                level.count += 1;
                path.truncate(level.path_len);
                push_step(&mut path, levels.len(), separator, name.raw);
                continue;
            }
            (_, Some(level)) if level.kind == Kind::Array => {
                path.truncate(level.path_len);
                let index = level.count.to_string();
                level.count += 1;
                push_step(&mut path, levels.len(), separator, index.as_bytes());
            }
            _ => {}
        }
        match token {
            Token::Open(kind) if levels.len() < DEPTH_MAX => {
                levels.push(Level { kind, path_len: path.len(), count: 0 });
                continue;
            }
            Token::Open(_) => reader.skip().map_err(told)?,
            _ => {}
        }
        push_member(&mut flat, &path, &body[from..reader.at]);
        if levels.is_empty() {
            return Ok(None);
        }
        if flat.len() > BYTES_MAX {
            return Err("flattened, the body would be larger than 8 MiB".into());
        }
    }
    if flat.is_empty() {
        return Ok(None);
    }
    flat.push(b'}');
    Ok(Some(flat))
}

fn push_step(path: &mut Vec<u8>, depth: usize, separator: &[u8], step: &[u8]) {
    if depth > 1 {
        path.extend_from_slice(separator);
    }
    path.extend_from_slice(step);
}

fn push_member(flat: &mut Vec<u8>, path: &[u8], value: &[u8]) {
    flat.extend_from_slice(if flat.is_empty() { b"{\"" } else { b",\"" });
    flat.extend_from_slice(path);
    flat.extend_from_slice(b"\":");
    flat.extend_from_slice(value);
}
