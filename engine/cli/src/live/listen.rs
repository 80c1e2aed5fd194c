use super::feed::{Feed, Message};
use super::shown::{head_of, marked, readable};
use super::{Wanted, indented, on_runtime};
use crate::client::{Answer, Call, parse_url};
use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, now, print};
use crate::resources::{ask, below};
use clap::Args;
use event::TenantId;
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::json;
use signature::{Family, Secret, SecretForm, sign_delivery};
use std::io::{BufRead, IsTerminal};
use std::time::Instant;
use tokio::sync::mpsc;
use url::Url;

/// Receive a server's events on this machine, without a public address
///
/// Each event is posted to --forward with its body, its content-type and the three webhook headers,
/// and the answer is shown.
/// Nothing is tried again by itself: on a terminal, Enter sends the last one once more. Filters of
/// endpoints are not run.
#[derive(Args)]
#[command(after_help = "Examples:\n  forebay listen --forward http://localhost:3000/hooks\n  \
                        forebay listen --forward http://localhost:3000/hooks --endpoint ep_1\n  \
                        forebay listen --forward http://localhost:3000/hooks --verbose\n  \
                        forebay listen --forward http://localhost:3000/hooks --app shop --type \
                        'order.*' --secret whsec_…")]
pub struct Listen {
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    wanted: Wanted,
    /// Where events are posted to
    #[arg(long, value_name = "URL")]
    forward: String,
    /// What they are signed with [default: the secret of --endpoint, else a new one, which is
    /// printed]
    #[arg(long, value_name = "SECRET", env = "FOREBAY_LISTEN_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Show the bodies of answers too
    #[arg(long)]
    answers: bool,
    /// Show all of it: what is posted and what is answered, with headers and bodies
    #[arg(long, short)]
    verbose: bool,
}

impl Listen {
    pub fn run(&self) -> Result<Exit, Failure> {
        let to = parse_url("--forward", &self.forward)?;
        let secret = self.secret()?;
        on_runtime(async {
            let mut feed = Feed::new(&self.server, &self.wanted, true, true);
            let mut presses = presses();
            let mut last: Option<Message> = None;
            loop {
                tokio::select! {
                    biased;
                    message = feed.next() => match message? {
                        Some(message) if message.name == "event" => {
                            self.forward(&to, &secret, &message).await?;
                            last = Some(message);
                        }
                        Some(_) => eprintln!("events may be missing: the log has them no more"),
                        None => return Ok(Exit::Ok),
                    },
                    Some(()) = presses.recv() => match &last {
                        Some(message) => self.forward(&to, &secret, message).await?,
                        None => eprintln!("nothing has come yet"),
                    },
                }
            }
        })
    }

    fn secret(&self) -> Result<Secret, Failure> {
        let text = match (&self.secret, &self.wanted.endpoint) {
            (Some(text), _) => text.clone(),
            (None, Some(endpoint)) => self.secret_of(endpoint)?,
            (None, None) => {
                let mut entropy = [0; 32];
                getrandom::fill(&mut entropy).map_err(|error| Failure::new(Exit::Failed, error))?;
                let text = Secret::fresh(&entropy).to_string();
                eprintln!("signing with {text}");
                text
            }
        };
        Secret::parse(&text, SecretForm::Standard).map_err(Failure::usage)
    }

    fn secret_of(&self, endpoint: &str) -> Result<String, Failure> {
        let app = match &self.wanted.app {
            Some(app) => app.clone(),
            None => self.own_app()?,
        };
        let all = below("/api/v1/app", &app)? + "/endpoint";
        let path = below(&all, endpoint)? + "/secret";
        let secret = ask(&self.server, Method::GET, &path, None)?.json();
        Ok(secret["key"].as_str().unwrap_or_default().to_owned())
    }

    /// The one application that the key is bound to, else the default one.
    fn own_app(&self) -> Result<String, Failure> {
        let page = ask(&self.server, Method::GET, "/api/v1/app", None)?.json();
        match page["data"].as_array().map(Vec::as_slice) {
            Some([only]) => Ok(only["id"].as_str().unwrap_or_default().to_owned()),
            _ => Ok(TenantId::DEFAULT.to_owned()),
        }
    }

    /// Posts one, and shows what came of it. That it fails ends nothing.
    async fn forward(&self, to: &Url, secret: &Secret, message: &Message) -> Result<(), Failure> {
        let request = Posted::of(to, secret, message)?;
        let call = Call {
            method: Method::POST,
            url: to.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        let start = Instant::now();
        let answer = call.ask_here().await;
        let took = start.elapsed().as_millis();
        match self.server.json {
            true => self.show_json(&request, &answer, took as u64, message),
            false => self.show(&request, &answer, took, message),
        }
    }

    fn show(
        &self,
        request: &Posted,
        answer: &Result<Answer, Failure>,
        took: u128,
        message: &Message,
    ) -> Result<(), Failure> {
        let (event_type, id) = (message.text("eventType"), message.text("id"));
        let status = answer.as_ref().map_or("failed".to_owned(), |came| came.status.to_string());
        print(&format!("{status}  {took} ms  {event_type}  {id}\n"))?;
        if self.verbose {
            print(&marked('>', &request.head(), &readable(&request.body)))?;
        }
        match answer {
            Err(failure) => print(&indented(failure.message())),
            Ok(answer) if self.verbose => {
                let head = head_of(&answer.status.to_string(), pairs(answer));
                print(&marked('<', &head, &readable(answer.body.as_bytes())))
            }
            Ok(answer) if self.answers => print(&indented(&answer.body)),
            Ok(_) => Ok(()),
        }
    }

    fn show_json(
        &self,
        request: &Posted,
        answer: &Result<Answer, Failure>,
        took: u64,
        message: &Message,
    ) -> Result<(), Failure> {
        let told = match answer {
            Ok(answer) => &*answer.body,
            Err(failure) => failure.message(),
        };
        let mut line = json!({
            "id": message.text("id"), "eventType": message.text("eventType"),
            "status": answer.as_ref().map(|answer| answer.status).ok(), "millis": took,
            "answer": told,
        });
        if self.verbose {
            line["request"] = json!({
                "method": "POST", "path": request.target, "headers": request.headers,
                "body": String::from_utf8_lossy(&request.body),
            });
            line["answerHeaders"] = json!(answer.as_ref().map(pairs).ok());
        }
        print(&format!("{line}\n"))
    }
}

/// What is posted: the headers that a receiver may go by, and the event's bytes.
struct Posted {
    /// The path, with the query.
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Posted {
    fn of(to: &Url, secret: &Secret, message: &Message) -> Result<Posted, Failure> {
        let (id, body, at) = (message.text("id"), message.body()?, now());
        let signed = sign_delivery(Family::Standard, id, at, &body, std::slice::from_ref(secret));
        let signed = signed.map_err(|error| Failure::new(Exit::Failed, error))?;
        let mut headers: Vec<(String, String)> =
            signed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for pair in message.data["headers"].as_array().into_iter().flatten() {
            if let (Some(name @ ("content-type" | "traceparent")), Some(value)) =
                (pair[0].as_str(), pair[1].as_str())
            {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        let query = to.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Posted { target: format!("{}{query}", to.path()), headers, body })
    }

    fn head(&self) -> String {
        head_of(&format!("POST {}", self.target), self.headers.iter().cloned())
    }
}

/// The headers of an answer; what is not text in them is left out.
fn pairs(answer: &Answer) -> Vec<(String, String)> {
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.to_string(), value.to_str().ok()?.to_owned()))
    };
    answer.headers.iter().filter_map(pair).collect()
}

/// Each Enter on a terminal.
fn presses() -> mpsc::Receiver<()> {
    let (press, presses) = mpsc::channel(1);
    if std::io::stdin().is_terminal() {
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                if line.is_err() || press.blocking_send(()).is_err() {
                    return;
                }
            }
        });
    }
    presses
}
