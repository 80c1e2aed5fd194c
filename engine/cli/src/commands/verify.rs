use crate::arguments::VerifyArguments;
use crate::exit::{Exit, Failure};
use crate::given::{body, print};
use serde_json::json;
use signature::{Request, Unverified};

pub fn run(arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let scheme = arguments.scheme.scheme()?;
    let secrets = arguments.secret.secrets(&scheme)?;
    let given = &arguments.body;
    let body = body(&given.body)?;
    // One argument may hold several lines, as `forebay sign` prints them.
    let lines = arguments.headers.iter().flat_map(|text| text.lines());
    let headers: Vec<_> = lines.map(header).collect::<Result<_, _>>()?;
    let request =
        Request { method: &given.method, url: &given.url, headers: &headers, body: &body };
    let verified = scheme.verify(&request, &secrets, given.at());
    if arguments.json {
        let reason = verified.err().map(Unverified::reason);
        print(&format!("{}\n", json!({ "valid": verified.is_ok(), "reason": reason })))?;
        return Ok(if verified.is_ok() { Exit::Ok } else { Exit::Failed });
    }
    match verified {
        Ok(()) if scheme.is_open() => print("valid: this scheme verifies nothing\n")?,
        Ok(()) => print("valid\n")?,
        Err(why) => return Err(Failure::new(Exit::Failed, format!("not valid: {why}"))),
    }
    Ok(Exit::Ok)
}

fn header(line: &str) -> Result<(&str, &[u8]), Failure> {
    let malformed = || Failure::usage(format!("-H {line:?}: write it as `Name: value`"));
    let (name, value) = line.split_once(':').ok_or_else(malformed)?;
    Ok((name.trim(), value.trim().as_bytes()))
}
