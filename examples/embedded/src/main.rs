//! The engine inside of a program: publish, and hear of it in a closure. Run it twice: what was
//! published is kept in `embedded-data`, and is not published again under the same key.

use forebay::{Arrival, Duplicate, Engine, Envelope, Headers, OnConflict, Plan, TenantId, Time};
use std::time::{Duration, SystemTime};

fn order(number: u32) -> Arrival {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let headers: Headers = [("content-type", &b"application/json"[..])].into_iter().collect();
    Arrival {
        envelope: Envelope {
            tenant: TenantId::new("shop"),
            stream: Default::default(),
            source: "checkout".into(),
            event_type: "order.paid".into(),
            key: Some(format!("customer-{}", number % 3).into()),
            time: Time::ZERO + since_1970,
            headers,
        },
        body: format!(r#"{{"order":{number}}}"#).into(),
        duplicate: Some(Duplicate {
            key: format!("order-{number}").into_bytes().into(),
            digest: [0; 16],
            on_conflict: OnConflict::Refuse,
        }),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let engine = Engine::open(Plan::new("embedded-data"))?;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let shop = TenantId::new("shop");
    let audit = move |event: &forebay::Event| {
        told.send(format!("{} {:?}", event.id, event.body)).map_err(|gone| gone.to_string())
    };
    engine.on(&shop, "audit", "order.*", audit).await?;

    let mut fresh = 0;
    for number in 0..5 {
        let published = engine.publish(order(number)).await?;
        println!(
            "{} is durable{}",
            published.id,
            if published.is_duplicate { ", again" } else { "" }
        );
        fresh += u32::from(!published.is_duplicate);
    }
    for _ in 0..fresh {
        let event = tokio::time::timeout(Duration::from_secs(10), heard.recv()).await?;
        println!("heard {}", event.unwrap_or_default());
    }
    engine.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
