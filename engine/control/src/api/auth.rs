//! Sessions of the portal, as Svix has them: keys of one application that end within a week.

use crate::api::apps::{ApplicationIn, ensure};
use crate::api::keys::{About, Fresh, KEY, RoleName, bound_to};
use crate::api::wire::WORD_BYTES_MAX;
use crate::api::{Answered, Call, Content, Deed, Operation, Role, Scope, Verb};
use crate::problem::Problem;
use crate::reply::{Secret, answer, empty, with_secret};
use crate::{Control, id};
use event::{TenantId, Time};
use registry::Snapshot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Post,
        path: "/api/v1/auth/app-portal-access/{app_id}",
        id: "v1.authentication.app-portal-access",
        summary: "Makes a session of the portal for an application's customer",
        scope: Scope::Tenant(Deed::Write),
        query: &[],
        body: Content::json::<AppPortalAccessIn>(),
        answers: &[(200, Content::json::<AppPortalAccessOut<'_>>())],
        run: |control, call| Box::pin(open(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/auth/logout",
        id: "v1.authentication.logout",
        summary: "Ends the session of the portal that asks",
        scope: Scope::Keyed,
        query: &[],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(logout(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/auth/app/{app_id}/expire-all",
        id: "v1.authentication.expire-all",
        summary: "Ends the sessions of an application's customers",
        scope: Scope::Tenant(Deed::Write),
        query: &[],
        body: Content::json::<ApplicationTokenExpireIn>(),
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(expire_all(control, call)),
    },
];

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AppPortalAccessIn {
    /// Made when there is none of this name yet.
    application: Option<ApplicationIn>,
    /// Taken for the sake of clients, and not kept: there are none here.
    #[serde(default)]
    #[expect(dead_code, reason = "clients send it")]
    feature_flags: Vec<String>,
    /// Seconds, from an hour to a week; a week when it is not said.
    #[schemars(range(min = 3_600, max = 604_800))]
    expiry: Option<u64>,
    /// Everything when it is not said.
    capabilities: Option<Vec<AppPortalCapability>>,
    /// Whether the session reads alone, and no secret.
    read_only: Option<bool>,
    /// A name by which `expire-all` finds the session.
    #[schemars(length(min = 1, max = 256))]
    session_id: Option<String>,
}

/// `ManageEndpoint` changes endpoints and sees their secrets, `ViewEndpointSecret` and
/// `ManageEndpointSecret` see them, `ManageTransformations` changes the scripts of endpoints. The
/// others are not told apart from `ManageEndpoint` yet: without it they read alone.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
enum AppPortalCapability {
    ViewBase,
    ViewEndpointSecret,
    ManageEndpointSecret,
    ManageTransformations,
    CreateAttempts,
    ManageEndpoint,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AppPortalAccessOut")]
struct AppPortalAccessOut<'a> {
    /// Opens the portal. The token stands behind the `#`, which browsers send to nobody.
    url: String,
    token: &'a str,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ApplicationTokenExpireIn {
    /// In how many seconds they end; now when it is not said.
    #[schemars(range(max = 604_800))]
    expiry: Option<u64>,
    /// Those of these names alone; none for all.
    #[serde(default)]
    session_ids: Vec<String>,
}

const EXPIRY_SECS_MIN: u64 = 3600;
const EXPIRY_SECS_MAX: u64 = 7 * 24 * 3600;
/// A further session ends the one that would end first, so that keys always find room.
const SESSIONS_MAX: usize = 8000;
/// Sessions that are over are removed when one is made, at most so many at once.
const SWEPT_MAX: usize = 256;

impl AppPortalAccessIn {
    fn check(&self) -> Result<(), Problem> {
        let range = EXPIRY_SECS_MIN..=EXPIRY_SECS_MAX;
        if self.expiry.is_some_and(|expiry| !range.contains(&expiry)) {
            let text = format!("{EXPIRY_SECS_MIN} to {EXPIRY_SECS_MAX} seconds");
            return Err(Problem::value(&["expiry"], text));
        }
        let is_fit = |id: &String| (1..=WORD_BYTES_MAX).contains(&id.len());
        if self.session_id.as_ref().is_some_and(|id| !is_fit(id)) {
            return Err(Problem::value(&["sessionId"], "1 to 256 bytes"));
        }
        Ok(())
    }

    /// What the session may.
    fn deeds(&self) -> Vec<Deed> {
        use AppPortalCapability::{
            ManageEndpoint, ManageEndpointSecret, ManageTransformations, ViewEndpointSecret,
        };
        if self.read_only == Some(true) {
            return vec![Deed::Read];
        }
        let Some(given) = &self.capabilities else {
            return Deed::ALL.to_vec();
        };
        let writes = given.contains(&ManageEndpoint);
        let reveals = [ViewEndpointSecret, ManageEndpointSecret].iter().any(|c| given.contains(c));
        let all = [
            (Deed::Read, true),
            (Deed::Write, writes),
            (Deed::Reveal, writes || reveals),
            (Deed::Transform, given.contains(&ManageTransformations)),
        ];
        all.into_iter().filter_map(|(deed, may)| may.then_some(deed)).collect()
    }

    fn about(&self, app: &TenantId, digest: [u8; 32], now: Time, end: Time) -> About {
        About {
            name: "portal".into(),
            app: Some(app.as_str().to_owned()),
            deeds: self.deeds(),
            session: self.session_id.clone(),
            expires_at: Some(end.millis()),
            ..About::new(RoleName::Portal, digest, now)
        }
    }
}

async fn open(control: &Control, call: Call) -> Answered {
    let given: AppPortalAccessIn = call.json_or_default()?;
    given.check()?;
    let app = match (&call.tenant, &given.application) {
        (Some(app), _) => app.clone(),
        (None, Some(application)) => ensure(control, call.named("app_id"), application).await?,
        (None, None) => return Err(Problem::NO_APP),
    };
    let now = control.ports.clock.wall();
    control.change(|snapshot| sweep(snapshot, now)).await?;
    let end = now + Duration::from_secs(given.expiry.unwrap_or(EXPIRY_SECS_MAX));
    let fresh = Fresh::new(control, |entropy| id::session(end, entropy));
    let about = given.about(&app, fresh.digest(), now, end);
    fresh.keep(control, &about).await?;
    let url = format!("{}/#key={}", control.options.public_url, *fresh.text);
    // A client that asks again gets another session; the first ends unused.
    Ok(with_secret(answer(200, &AppPortalAccessOut { url, token: &fresh.text }), Secret::Anew))
}

/// Removes sessions that are over, and makes room for one.
fn sweep(snapshot: &Snapshot, now: Time) -> Result<(registry::ChangeSet, ()), Problem> {
    let sessions = snapshot.records(KEY).filter(|record| id::is_session(&record.name));
    let sessions: Vec<&str> = sessions.map(|record| &*record.name).collect();
    let mut edit = snapshot.edit();
    for id in due(&sessions, now) {
        edit.remove_record(KEY, id);
    }
    Ok((edit.finish()?, ()))
}

/// Which sessions are to go, of all of them by their end.
fn due<'a>(sessions: &'a [&'a str], now: Time) -> &'a [&'a str] {
    let over = sessions.partition_point(|id| id::is_over(id, now));
    let too_many = (sessions.len() + 1).saturating_sub(SESSIONS_MAX);
    &sessions[..over.max(too_many).min(SWEPT_MAX)]
}

async fn logout(control: &Control, call: Call) -> Answered {
    if !matches!(call.principal.role, Role::Portal { .. }) {
        let text = "only a session of the portal logs out; DELETE /v1/key/{key_id} ends a key";
        return Err(Problem::BadRequest(text.into()));
    }
    let ended = control.change(|snapshot| {
        let mut edit = snapshot.edit();
        edit.remove_record(KEY, &call.principal.id);
        Ok((edit.finish()?, ()))
    });
    ended.await?;
    Ok(empty(204))
}

async fn expire_all(control: &Control, call: Call) -> Answered {
    let given: ApplicationTokenExpireIn = call.json_or_default()?;
    let app = call.app()?.as_str();
    let expiry = given.expiry.unwrap_or(0);
    if expiry > EXPIRY_SECS_MAX {
        return Err(Problem::value(&["expiry"], format!("{EXPIRY_SECS_MAX} seconds at most")));
    }
    let now = control.ports.clock.wall();
    let end = (now + Duration::from_secs(expiry)).millis();
    let is_meant = |about: &About| {
        let name = about.session.as_ref();
        let is_named = name.is_some_and(|name| given.session_ids.contains(name));
        about.role == RoleName::Portal && (given.session_ids.is_empty() || is_named)
    };
    let ended = control.change(|snapshot| {
        let mut edit = snapshot.edit();
        for (record, about) in bound_to(snapshot, app).filter(|(_, about)| is_meant(about)) {
            if expiry == 0 {
                edit.remove_record(KEY, &record.name);
            } else if about.expires_at.is_none_or(|old| end < old) {
                let sooner = About { expires_at: Some(end), updated_at: now.millis(), ..about };
                edit.put_record(KEY, &record.name, &sooner.written());
            }
        }
        Ok((edit.finish()?, ()))
    });
    ended.await?;
    Ok(empty(204))
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::OsEntropy;

    fn sessions(ends: impl Iterator<Item = u64>) -> Vec<String> {
        ends.map(|end| id::session(Time::from_secs(end), &OsEntropy)).collect()
    }

    fn gone(ids: &[String], now: u64) -> usize {
        let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
        due(&ids, Time::from_secs(now)).len()
    }

    #[test]
    fn sessions_go_when_they_are_over_and_a_few_at_once() {
        let ids = sessions(1000..1100);
        assert_eq!([gone(&ids, 999), gone(&ids, 1009), gone(&ids, 9999)], [0, 10, 100]);
        assert_eq!(gone(&sessions(1000..2000), 9999), SWEPT_MAX);
        assert_eq!(gone(&[], 1), 0);
    }

    #[test]
    fn sessions_never_take_the_room_of_keys() {
        let most = SESSIONS_MAX as u64;
        let live = |count| sessions(1000..1000 + count);
        let gone = [most - 1, most, most + 5].map(|count| gone(&live(count), 1));
        assert_eq!(gone, [0, 1, 6]);
    }

    #[test]
    fn capabilities_never_give_more_than_they_say() {
        let deeds = |text: &str| serde_json::from_str::<AppPortalAccessIn>(text).unwrap().deeds();
        let [read, write, reveal, transform] = Deed::ALL;
        for (text, expected) in [
            ("{}", vec![read, write, reveal, transform]),
            (r#"{"readOnly":false}"#, vec![read, write, reveal, transform]),
            (r#"{"readOnly":true}"#, vec![read]),
            (r#"{"readOnly":true,"capabilities":["ManageEndpoint"]}"#, vec![read]),
            (r#"{"capabilities":[]}"#, vec![read]),
            (r#"{"capabilities":["ViewBase","CreateAttempts"]}"#, vec![read]),
            (r#"{"capabilities":["ManageTransformations"]}"#, vec![read, transform]),
            (r#"{"capabilities":["ViewEndpointSecret"]}"#, vec![read, reveal]),
            (r#"{"capabilities":["ManageEndpointSecret"]}"#, vec![read, reveal]),
            (r#"{"capabilities":["ManageEndpoint"]}"#, vec![read, write, reveal]),
        ] {
            assert_eq!(deeds(text), expected, "{text}");
        }
    }
}
