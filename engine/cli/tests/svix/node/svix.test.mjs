// Svix's client for JavaScript against a real server, and a receiver of its deliveries.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";
import { ApiException, Svix, Webhook } from "svix";

const serverUrl = process.env.FOREBAY_URL;
// What answers 5xx is not meant to be tried again here.
const client = (key) => new Svix(key, { serverUrl, retryScheduleInMs: [] });
const svix = client(process.env.FOREBAY_KEY);
const hour = 3_600_000;

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
  t.after(() => server.closeAllConnections() ?? server.close());
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

async function fails(status, code, call) {
  const error = await call.then(() => assert.fail("it is done"), (error) => error);
  assert.ok(error instanceof ApiException, error);
  assert.equal(error.code, status);
  // What answers 5xx comes as text.
  const body = typeof error.body === "string" ? JSON.parse(error.body) : error.body;
  assert.equal(body.code, code);
}

const send = (app, more = {}) =>
  svix.message.create(app, { eventType: "user.signup", payload: { n: 1 }, ...more });

test("an application lives its life", async () => {
  const uid = `shop-${randomUUID()}`;
  const made = await svix.application.create({ name: "Shop", uid, metadata: { plan: "a" } });
  assert.ok(made.createdAt instanceof Date && Date.now() - made.createdAt < hour);
  assert.deepEqual(await svix.application.get(uid), made);
  assert.deepEqual(await svix.application.getOrCreate({ name: "Other", uid }), made);
  await fails(409, "conflict", svix.application.create({ name: "x", uid }));
  const put = await svix.application.update(uid, { name: "Store", uid });
  assert.deepEqual([put.id, put.name, put.metadata], [made.id, "Store", {}]);
  assert.equal((await svix.application.patch(uid, { name: "Last" })).name, "Last");
  await svix.application.delete(uid);
  await fails(404, "not_found", svix.application.get(uid));
});

test("an endpoint lives its life", async (t) => {
  const app = await newApp(t);
  const full = {
    url: "https://example.com/in",
    uid: "first",
    description: "d",
    filterTypes: ["user.signup"],
    channels: ["blue"],
    metadata: { k: "v" },
    disabled: true,
  };
  const made = await svix.endpoint.create(app, full);
  for (const [member, value] of Object.entries(full)) assert.deepEqual(made[member], value, member);
  await fails(409, "conflict", svix.endpoint.create(app, full));
  const put = await svix.endpoint.update(app, "first", { url: full.url, uid: "first" });
  assert.deepEqual([put.id, put.description, put.disabled], [made.id, "", false]);
  const patched = await svix.endpoint.patch(app, "first", { filterTypes: ["a.b"], uid: null });
  assert.deepEqual([patched.filterTypes, patched.uid ?? null], [["a.b"], null]);
  await svix.endpoint.updateHeaders(app, made.id, { headers: { "X-Team": "a", Cookie: "marker" } });
  await svix.endpoint.patchHeaders(app, made.id, { headers: { "X-New": "b" } });
  const shown = await svix.endpoint.getHeaders(app, made.id);
  assert.deepEqual({ ...shown }, { headers: { "X-New": "b", "X-Team": "a" }, sensitive: ["Cookie"] });
  for (let n = 0; n < 3; n++) await svix.endpoint.create(app, { url: full.url });
  const ids = [];
  for (let page = { iterator: undefined, done: false }; !page.done; ) {
    page = await svix.endpoint.list(app, { limit: 2, iterator: page.iterator });
    ids.push(...page.data.map((endpoint) => endpoint.id));
  }
  assert.equal(new Set(ids).size, 4);
  await svix.endpoint.delete(app, made.id);
  await fails(404, "not_found", svix.endpoint.get(app, made.id));
});

test("what is wrong is told with its place, and wrong keys are refused", async (t) => {
  const app = await newApp(t);
  const error = await svix.endpoint.create(app, { url: "nope" }).catch((error) => error);
  assert.equal(error.code, 422);
  assert.deepEqual(error.body.detail[0].loc, ["body", "url"]);
  await fails(401, "authentication_failed", client("wrong").application.list());
});

test("event types are kept", async () => {
  const name = `order.${randomUUID()}`;
  const schemas = { 1: { type: "object" } };
  const made = await svix.eventType.create({ name, description: "d", schemas });
  assert.deepEqual([made.name, made.schemas], [name, schemas]);
  assert.equal((await svix.eventType.update(name, { description: "e" })).description, "e");
  assert.equal((await svix.eventType.patch(name, { archived: true })).archived, true);
  await svix.eventType.delete(name, { expunge: true });
  await fails(404, "not_found", svix.eventType.get(name));
});

test("a message arrives signed, with both secrets while one retires", async (t) => {
  const [app, receiver] = [await newApp(t), await newReceiver(t)];
  await svix.endpoint.create(app, { url: receiver.url, uid: "e", channels: ["blue"] });
  const { key: old } = await svix.endpoint.getSecret(app, "e");
  await svix.endpoint.rotateSecret(app, "e", {});
  const { key } = await svix.endpoint.getSecret(app, "e");
  await send(app, { channels: ["red"] });
  const message = await send(app, { channels: ["blue", "red"], payload: { text: "ü" } });
  assert.deepEqual(message.payload, { text: "ü" });
  const [{ headers, body }] = await receiver.wait();
  assert.equal(headers["webhook-id"], message.id);
  for (const secret of [old, key]) {
    assert.deepEqual(new Webhook(secret).verify(body, headers), { text: "ü" });
  }
  assert.throws(() => new Webhook(`whsec_${"A1".repeat(16)}`).verify(body, headers));
});

test("messages are not made twice, and are listed", async (t) => {
  const app = await newApp(t);
  const message = { eventType: "a", payload: { n: 1 } };
  const options = { idempotencyKey: `k-${randomUUID()}` };
  const first = await svix.message.create(app, message, options);
  assert.equal((await svix.message.create(app, message, options)).id, first.id);
  const named = await svix.message.create(app, { ...message, eventId: "own" });
  await fails(409, "conflict", svix.message.create(app, { ...message, eventId: "own" }));
  assert.deepEqual(await svix.message.get(app, "own"), named);
  const list = async (options) => (await svix.message.list(app, options)).data.map((m) => m.id);
  assert.deepEqual(await list(), [named.id, first.id]);
  assert.deepEqual(await list({ eventTypes: ["a", "b"], after: new Date(Date.now() - hour) }), [
    named.id,
    first.id,
  ]);
  assert.deepEqual(await list({ before: new Date(Date.now() - hour) }), []);
});

test("attempts are told, resent and recovered", async (t) => {
  const [app, receiver] = [await newApp(t), await newReceiver(t)];
  const { id } = await svix.endpoint.create(app, { url: receiver.url });
  const path = `${serverUrl}/api/v1/app/${app}/endpoint/${id}`;
  const headers = {
    authorization: `Bearer ${process.env.FOREBAY_KEY}`,
    "content-type": "application/json",
  };
  // A member that the library does not know: one attempt, and no more.
  const patched = await fetch(path, { method: "PATCH", headers, body: '{"schedule":[]}' });
  assert.equal(patched.status, 200);
  const good = await send(app);
  await receiver.wait();
  const attempts = async (message) => (await svix.messageAttempt.listByMsg(app, message.id)).data;
  const [attempt] = await until(async () => (await attempts(good)).length && attempts(good));
  const { status, statusText, responseStatusCode, endpointId, url } = attempt;
  assert.deepEqual(
    [status, statusText, responseStatusCode, endpointId, url],
    [0, "success", 200, id, receiver.url],
  );
  await svix.messageAttempt.resend(app, good.id, id);
  await receiver.wait(2);
  receiver.status = 500;
  const bad = await send(app);
  const options = { status: 2 };
  const failed = async () => (await svix.messageAttempt.listByEndpoint(app, id, options)).data;
  const [{ msgId, responseStatusCode: code }] = await until(async () => {
    const found = await failed();
    return found.length && found;
  });
  assert.deepEqual([msgId, code], [bad.id, 500]);
  receiver.status = 200;
  const since = new Date(Date.now() - hour);
  assert.equal((await svix.endpoint.recover(app, id, { since })).task, "endpoint.recover");
  await receiver.wait(4);
  const destinations = await svix.messageAttempt.listAttemptedDestinations(app, bad.id);
  assert.deepEqual(destinations.data.map((found) => found.id), [id]);
  const messages = await svix.messageAttempt.listAttemptedMessages(app, id);
  assert.deepEqual(messages.data.map((found) => found.id), [bad.id, good.id]);
});

test("a customer's session sees its own", async (t) => {
  const app = await newApp(t);
  const { token, url } = await svix.authentication.appPortalAccess(app, {});
  assert.ok(url.includes(token));
  const customer = client(token);
  assert.deepEqual((await customer.endpoint.list(app)).data, []);
  await fails(404, "not_found", customer.endpoint.list("nowhere"));
  await svix.authentication.expireAll(app, {});
  await fails(401, "authentication_failed", customer.endpoint.list(app));
});

test("what is not there yet says so", async (t) => {
  const app = await newApp(t);
  const { id } = await svix.endpoint.create(app, { url: "https://example.com/in" });
  await fails(501, "not_implemented", svix.endpoint.getStats(app, id));
  await fails(501, "not_implemented", svix.endpoint.sendExample(app, id, { eventType: "a" }));
  await svix.health.get();
});
