// Svix's client for JavaScript against a real server, and a receiver of its deliveries.
// SVIX=svix-1 takes the client of before version 2, which knows some things by other names.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";

const library = process.env.SVIX ?? "svix";
const { ApiException, Svix, Webhook } = await import(library);
const [put, setHeaders, eventTypes, throttleRate] =
  library === "svix-1"
    ? ["update", "updateHeaders", "filterTypes", "rateLimit"]
    : ["upsert", "setHeaders", "eventTypes", "throttleRate"];

const serverUrl = process.env.FOREBAY_URL;
// What answers 5xx is not meant to be tried again here.
const client = (key) => new Svix(key, { serverUrl, retryScheduleInMs: [] });
const svix = client(process.env.FOREBAY_KEY);
const hour = 3_600_000;
const ago = (millis) => new Date(Date.now() - millis);

async function newApp(t) {
  const uid = `app-${randomUUID()}`;
  await svix.application.create({ name: "Test", uid });
  t.after(() => svix.application.delete(uid));
  return uid;
}

/** Keeps what it was sent, and answers with `status`. */
async function newReceiver(t) {
  const receiver = { status: 200, seen: [] };
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    receiver.seen.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
    response.writeHead(receiver.status).end();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  receiver.url = `http://127.0.0.1:${server.address().port}/in`;
  receiver.wait = (count = 1) => until(() => receiver.seen.length >= count && receiver.seen);
  return receiver;
}

async function until(what) {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    const found = await what();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 20));
  }
  assert.fail("it does not come to pass");
}

async function refusal(call) {
  const error = await call.then(() => assert.fail("it is done"), (error) => error);
  assert.ok(error instanceof ApiException, error);
  return error;
}

async function fails(status, code, call) {
  const error = await refusal(call);
  // What answers 5xx comes as text.
  const body = typeof error.body === "string" ? JSON.parse(error.body) : error.body;
  assert.deepEqual([error.code, body.code, typeof body.detail], [status, code, "string"]);
}

async function isWrong(place, call) {
  const { code, body } = await refusal(call);
  assert.deepEqual([code, body.detail.map((problem) => problem.loc)], [422, [place]]);
}

/** All that the pages have; each is asked for by the `iterator` of the one before. */
async function walk(pageOf) {
  const found = [];
  for (let page = { done: false }; !page.done; ) {
    page = await pageOf(page.iterator);
    found.push(...page.data);
  }
  return found;
}

/** For members that the library does not know. */
async function patchRaw(path, body) {
  const headers = {
    authorization: `Bearer ${process.env.FOREBAY_KEY}`,
    "content-type": "application/json",
  };
  const options = { method: "PATCH", headers, body: JSON.stringify(body) };
  const answer = await fetch(serverUrl + path, options);
  assert.equal(answer.status, 200);
}

const send = (app, more = {}) =>
  svix.message.create(app, { eventType: "user.signup", payload: { n: 1 }, ...more });
const ids = (list) => list.map(({ id }) => id);
const elsewhere = "https://example.com/in";

test("an application lives its life", async () => {
  const uid = `shop-${randomUUID()}`;
  const made = await svix.application.create({ name: "Shop", uid, metadata: { plan: "a" } });
  assert.ok(made.createdAt instanceof Date && Date.now() - made.createdAt < hour);
  assert.deepEqual(await svix.application.get(uid), made);
  assert.deepEqual(await svix.application.get(made.id), made);
  assert.deepEqual(await svix.application.getOrCreate({ name: "Other", uid }), made);
  await fails(409, "conflict", svix.application.create({ name: "x", uid }));
  const replaced = await svix.application[put](uid, { name: "Store", uid });
  assert.deepEqual([replaced.id, replaced.name, replaced.metadata], [made.id, "Store", {}]);
  const patched = await svix.application.patch(uid, { name: "Last", uid: null });
  assert.deepEqual([patched.name, patched.uid], ["Last", null]);
  await fails(404, "not_found", svix.application.get(uid));
  await svix.application.delete(made.id);
  await fails(404, "not_found", svix.application.get(made.id));
});

test("pages of applications go through all, both ways", async (t) => {
  const made = [];
  for (let n = 0; n < 5; n++) made.push((await svix.application.get(await newApp(t))).id);
  // Those of one millisecond are in any order.
  made.sort();
  for (const order of ["ascending", "descending"]) {
    const found = await walk((iterator) => svix.application.list({ limit: 2, iterator, order }));
    assert.equal(new Set(ids(found)).size, found.length);
    const ours = ids(found).filter((id) => made.includes(id));
    assert.deepEqual(ours, order === "ascending" ? made : [...made].reverse());
  }
  await isWrong(["query", "limit"], svix.application.list({ limit: 251 }));
});

test("an endpoint lives its life", async (t) => {
  const app = await newApp(t);
  const full = {
    url: elsewhere,
    uid: "first",
    description: "d",
    [eventTypes]: ["user.signup"],
    channels: ["blue"],
    metadata: { k: "v" },
    disabled: true,
    [throttleRate]: 7,
  };
  const secret = `whsec_${"C2".repeat(16)}`;
  const made = await svix.endpoint.create(app, { ...full, secret });
  for (const [member, value] of Object.entries(full)) assert.deepEqual(made[member], value, member);
  assert.deepEqual(await svix.endpoint.get(app, "first"), made);
  assert.equal((await svix.endpoint.getSecret(app, made.id)).key, secret);
  await fails(409, "conflict", svix.endpoint.create(app, full));
  const patch = { [eventTypes]: ["a.b"], uid: null, channels: null };
  const patched = await svix.endpoint.patch(app, "first", patch);
  assert.deepEqual(
    [patched[eventTypes], patched.uid, patched.channels, patched.description],
    [["a.b"], null, null, "d"],
  );
  const replaced = await svix.endpoint[put](app, made.id, { url: elsewhere, uid: "second" });
  assert.deepEqual([replaced.id, replaced.description, replaced.disabled], [made.id, "", false]);
  const other = await svix.endpoint[put](app, "third", { url: elsewhere });
  assert.deepEqual(await svix.endpoint.get(app, "third"), other);
  for (let n = 0; n < 3; n++) await svix.endpoint.create(app, { url: elsewhere });
  const all = await walk((iterator) => svix.endpoint.list(app, { limit: 2, iterator }));
  assert.deepEqual(ids(all).slice(0, 2), [made.id, other.id]);
  assert.equal(new Set(ids(all)).size, 5);
  await svix.endpoint.delete(app, made.id);
  await fails(404, "not_found", svix.endpoint.get(app, made.id));
});

test("headers are sent, and the sensitive ones not shown", async (t) => {
  const [app, receiver] = [await newApp(t), await newReceiver(t)];
  await svix.endpoint.create(app, { url: receiver.url, uid: "e", headers: { "X-Old": "o" } });
  await svix.endpoint[setHeaders](app, "e", { headers: { "X-Team": "a", Cookie: "marker" } });
  await svix.endpoint.patchHeaders(app, "e", { headers: { "X-New": "b" } });
  const { headers, sensitive } = await svix.endpoint.getHeaders(app, "e");
  assert.deepEqual([headers, sensitive], [{ "X-New": "b", "X-Team": "a" }, ["Cookie"]]);
  await send(app);
  const [{ headers: sent }] = await receiver.wait();
  assert.deepEqual(
    [sent["x-team"], sent["x-new"], sent.cookie, sent["x-old"]],
    ["a", "b", "marker", undefined],
  );
});

test("what is wrong is told with its place, and wrong keys are refused", async (t) => {
  const app = await newApp(t);
  await isWrong(["body", "url"], svix.endpoint.create(app, { url: "nope" }));
  await isWrong(["body", "name"], svix.application.create({ name: "" }));
  await isWrong(["body", "eventType"], send(app, { eventType: "a b" }));
  await isWrong(["body", "tags"], send(app, { tags: ["a"] }));
  await fails(401, "authentication_failed", client("wrong").application.list());
});

test("event types are kept", async () => {
  const name = `order.${randomUUID()}`;
  const schemas = { 1: { type: "object" } };
  const made = await svix.eventType.create({ name, description: "d", schemas });
  assert.deepEqual([made.name, made.schemas, made.archived], [name, schemas, false]);
  await fails(409, "conflict", svix.eventType.create({ name, description: "d" }));
  assert.equal((await svix.eventType[put](name, { description: "e" })).description, "e");
  assert.equal((await svix.eventType.patch(name, { deprecated: true })).deprecated, true);
  await svix.eventType.delete(name);
  const isListed = async (includeArchived) => {
    const found = await walk((iterator) => svix.eventType.list({ includeArchived, iterator }));
    return found.some((type) => type.name === name);
  };
  assert.deepEqual([await isListed(false), await isListed(true)], [false, true]);
  await svix.eventType.delete(name, { expunge: true });
  await fails(404, "not_found", svix.eventType.get(name));
});

test("a message arrives signed, with both secrets while one retires", async (t) => {
  const [app, receiver] = [await newApp(t), await newReceiver(t)];
  await svix.endpoint.create(app, { url: receiver.url, uid: "e", channels: ["blue"] });
  const { key: old } = await svix.endpoint.getSecret(app, "e");
  await svix.endpoint.rotateSecret(app, "e", {});
  const { key } = await svix.endpoint.getSecret(app, "e");
  assert.notEqual(old, key);
  await send(app, { channels: ["red"] });
  const message = await send(app, { channels: ["blue", "red"], payload: { text: "ü" } });
  const [{ headers, body }] = await receiver.wait();
  assert.equal(headers["webhook-id"], message.id);
  assert.deepEqual(JSON.parse(body), { text: "ü" });
  for (const secret of [old, key]) new Webhook(secret).verify(body, headers);
  assert.throws(() => new Webhook(`whsec_${"A1".repeat(16)}`).verify(body, headers));
  assert.throws(() => new Webhook(key).verify(`${body} `, headers));
});

test("messages are not made twice, and are listed", async (t) => {
  const app = await newApp(t);
  const message = { eventType: "a", payload: { n: 1 }, channels: ["blue"] };
  const once = { idempotencyKey: `k-${randomUUID()}`, withContent: true };
  const first = await svix.message.create(app, message, once);
  assert.deepEqual(first.payload, { n: 1 });
  assert.equal((await svix.message.create(app, message, once)).id, first.id);
  const other = { ...message, payload: { n: 2 } };
  await fails(409, "conflict", svix.message.create(app, other, once));
  const named = await svix.message.create(app, { eventType: "b", payload: {}, eventId: "own" });
  await fails(409, "conflict", send(app, { eventId: "own" }));
  assert.deepEqual(await svix.message.get(app, "own"), named);
  assert.deepEqual(await svix.message.get(app, first.id, { withContent: true }), first);
  const [newest] = (await svix.message.list(app, { limit: 1, withContent: false })).data;
  assert.deepEqual([newest.id, newest.payload], [named.id, {}]);
  const all = await walk((iterator) => svix.message.list(app, { limit: 1, iterator }));
  assert.deepEqual(ids(all), [named.id, first.id]);
  const cases = [
    [{ eventTypes: ["a", "b"], after: ago(hour), before: ago(-hour) }, [named.id, first.id]],
    [{ eventTypes: ["a"] }, [first.id]],
    [{ channel: "blue" }, [first.id]],
    [{ channel: "red" }, []],
    [{ before: ago(hour) }, []],
    [{ after: ago(-hour) }, []],
  ];
  for (const [options, wanted] of cases) {
    const { data } = await svix.message.list(app, options);
    assert.deepEqual(ids(data), wanted, JSON.stringify(options));
  }
});

test("attempts are told, resent and recovered", async (t) => {
  const [app, receiver] = [await newApp(t), await newReceiver(t)];
  const { id } = await svix.endpoint.create(app, { url: receiver.url });
  // One attempt, and no more.
  await patchRaw(`/api/v1/app/${app}/endpoint/${id}`, { schedule: [] });
  const good = await send(app);
  await receiver.wait();
  const attempts = async ({ id }, options) =>
    (await svix.messageAttempt.listByMsg(app, id, options)).data;
  const [attempt] = await until(async () => (await attempts(good)).length && attempts(good));
  const { status, statusText, responseStatusCode, endpointId, url, timestamp } = attempt;
  assert.deepEqual(
    [status, statusText, responseStatusCode, endpointId, url, timestamp instanceof Date],
    [0, "success", 200, id, receiver.url, true],
  );
  assert.deepEqual(await svix.messageAttempt.get(app, good.id, attempt.id), attempt);
  await svix.messageAttempt.resend(app, good.id, id);
  await receiver.wait(2);
  receiver.status = 500;
  const bad = await send(app);
  const at = async (options) => (await svix.messageAttempt.listByEndpoint(app, id, options)).data;
  const failed = await until(async () => {
    const found = await at({ status: 2 });
    return found.length && found;
  });
  assert.deepEqual([ids(failed), failed[0].responseStatusCode], [ids(await attempts(bad)), 500]);
  assert.deepEqual(ids(await at({ statusCodeClass: 500 })), ids(failed));
  assert.deepEqual(await at({ statusCodeClass: 400 }), []);
  assert.deepEqual(await attempts(bad, { status: 0 }), []);
  const messages = async (options) =>
    ids((await svix.messageAttempt.listAttemptedMessages(app, id, options)).data);
  assert.deepEqual(await messages(), [bad.id, good.id]);
  assert.deepEqual(await messages({ status: 2 }), [bad.id]);
  assert.deepEqual(await messages({ status: 0 }), [good.id]);
  receiver.status = 200;
  const { task } = await svix.endpoint.recover(app, id, { since: ago(hour) });
  assert.equal(task, "endpoint.recover");
  const arrived = (await receiver.wait(4)).map(({ headers }) => headers["webhook-id"]);
  assert.deepEqual(arrived, [good.id, good.id, bad.id, bad.id]);
  const [destination] = await until(async () => {
    const { data } = await svix.messageAttempt.listAttemptedDestinations(app, bad.id);
    return data[0].status === 0 && data;
  });
  assert.deepEqual([destination.id, destination.nextAttempt ?? null], [id, null]);
});

test("a customer's session sees its own", async (t) => {
  const app = await newApp(t);
  const { token, url } = await svix.authentication.appPortalAccess(app, {});
  assert.ok(url.includes(token));
  const customer = client(token);
  assert.deepEqual((await customer.endpoint.list(app)).data, []);
  await fails(404, "not_found", customer.endpoint.list("nowhere"));
  await fails(403, "insufficient_access", customer.application.list());
  await svix.authentication.expireAll(app, {});
  await fails(401, "authentication_failed", customer.endpoint.list(app));
});

test("a message's content is expunged", async (t) => {
  const app = await newApp(t);
  const message = await send(app);
  await svix.message.expungeContent(app, message.id);
  const { payload } = await svix.message.get(app, message.id, { withContent: true });
  assert.deepEqual(payload, { expired: true });
  await svix.message.expungeContent(app, message.id);
  await fails(404, "not_found", svix.message.expungeContent(app, "nothing"));
});

test("an endpoint's deliveries are counted", async (t) => {
  const app = await newApp(t);
  const { id } = await svix.endpoint.create(app, { url: elsewhere });
  await send(app);
  const stats = await until(async () => {
    const stats = await svix.endpoint.getStats(app, id, { since: ago(hour) });
    return stats.pending === 1 && stats;
  });
  assert.deepEqual([stats.success, stats.fail, stats.sending], [0, 0, 0]);
  await fails(404, "not_found", svix.endpoint.getStats(app, "nothing"));
});

test("a polled endpoint is fetched from", async (t) => {
  const app = await newApp(t);
  const { poller } = svix.message;
  await svix.endpoint.create(app, { url: "poll:", uid: "sink" });
  const sent = [(await send(app)).id, (await send(app)).id];
  const ids = ({ data }) => data.map(({ id }) => id);
  const first = await poller.poll(app, "sink", { limit: 1 });
  assert.deepEqual([ids(first), first.done], [[sent[0]], false]);
  const { iterator } = first;
  const second = await poller.poll(app, "sink", { iterator });
  assert.deepEqual([ids(second), second.done], [[sent[1]], true]);
  assert.deepEqual(ids(await poller.consumerPoll(app, "sink", "me")), sent);
  assert.deepEqual(ids(await poller.consumerPoll(app, "sink", "me", { iterator })), [sent[1]]);
  assert.deepEqual(ids(await poller.consumerPoll(app, "sink", "me")), [sent[1]]);
  await poller.consumerSeek(app, "sink", "me", { after: ago(hour) });
  assert.deepEqual(ids(await poller.consumerPoll(app, "sink", "me")), sent);
});

test("what was never sent is sent, and an example to one endpoint alone", async (t) => {
  const [app, receiver] = [await newApp(t), await newReceiver(t)];
  const early = [await send(app), await send(app)];
  const { id } = await svix.endpoint.create(app, { url: receiver.url });
  const told = await svix.endpoint.replayMissing(app, id, { since: ago(hour) });
  assert.deepEqual([told.task, told.status], ["endpoint.replay", "running"]);
  const arrived = (await receiver.wait(2)).map(({ headers }) => headers["webhook-id"]);
  assert.deepEqual(arrived.sort(), ids(early).sort());
  await svix.endpoint.create(app, { url: receiver.url });
  const message = await svix.endpoint.sendExample(app, id, { eventType: "svix.ping" });
  assert.deepEqual(message.payload, { success: true });
  const [, , example] = await receiver.wait(3);
  assert.equal(example.headers["webhook-id"], message.id);
  const { data } = await svix.messageAttempt.listAttemptedDestinations(app, message.id);
  assert.deepEqual(ids(data), [id]);
  await fails(404, "not_found", svix.endpoint.sendExample(app, id, { eventType: "unknown" }));
});

test("a script changes what is sent", async (t) => {
  const [app, receiver] = [await newApp(t), await newReceiver(t)];
  const { id } = await svix.endpoint.create(app, { url: receiver.url });
  const code = `function handler(webhook) {
    webhook.headers = { "x-team": "red" };
    webhook.payload = { doubled: webhook.payload.n * 2, type: webhook.eventType };
    webhook.cancel = webhook.payload.doubled > 10;
    return webhook;
  }`;
  const isNew = library === "svix";
  const [get, patch] = isNew
    ? [() => svix.endpoint.transformation.get(app, id),
       (change) => svix.endpoint.transformation.patch(app, id, change)]
    : [() => svix.endpoint.transformationGet(app, id),
       (change) => svix.endpoint.patchTransformation(app, id, change)];
  assert.deepEqual([(await get()).code ?? null, (await get()).enabled], [null, false]);
  await patch({ code, enabled: true });
  const { code: kept, enabled, updatedAt } = await get();
  assert.deepEqual([kept, enabled], [code, true]);
  if (isNew) assert.ok(updatedAt instanceof Date && Date.now() - updatedAt < hour);
  await send(app, { payload: { n: 9 } });
  const { id: sent } = await send(app, { payload: { n: 4 } });
  const [{ headers, body }] = await receiver.wait();
  assert.deepEqual(JSON.parse(body), { doubled: 8, type: "user.signup" });
  assert.deepEqual([headers["webhook-id"], headers["x-team"]], [sent, "red"]);
  new Webhook((await svix.endpoint.getSecret(app, id)).key).verify(body, headers);
  await isWrong(["body", "code"], patch({ code: "function handler(" }));
  await svix.endpoint.transformationPartialUpdate(app, id, { enabled: false });
  await send(app, { payload: { n: 4 } });
  assert.deepEqual(JSON.parse((await receiver.wait(2))[1].body), { n: 4 });
});

test("what is of Svix's cloud alone says so", async () => {
  await fails(404, "not_found", svix.statistics.aggregateEventTypes());
  await svix.health.get();
});
