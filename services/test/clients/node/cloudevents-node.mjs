import { CloudEvent, Mode, emitterFor } from "cloudevents";
import * as v from "./visit.mjs";

// The package's own transport neither tells of a refusal nor tries again; it takes one that does.
async function patient({ headers, body }) {
  for (;;) {
    const answer = await fetch(`${v.host}/v1/events:cloudevents`, {
      method: "POST", headers: { ...headers, Authorization: `Bearer ${v.writeKey}` }, body,
    });
    if (answer.ok) return;
    if (answer.status !== 429 && answer.status !== 503) throw new Error(`${answer.status} ${await answer.text()}`);
    await new Promise((done) => setTimeout(done, 1_000 * answer.headers.get("Retry-After")));
  }
}

const source = "/conformance";
const who = { userId: v.userId, anonymousId: v.anonymousId };
const page = new CloudEvent({ source, type: "page.viewed", data: { anonymousId: v.anonymousId, ...v.pageProperties } });
const known = new CloudEvent({ source, type: "user.signed_up", subject: v.userId, data: { ...who, email: v.traits.email, attributes: v.traits } });
const trial = new CloudEvent({ source, type: "trial.started", data: { ...who, ...v.properties } });

await emitterFor(patient, { mode: Mode.BINARY })(page);
await emitterFor(patient, { mode: Mode.STRUCTURED })(known);
// It has no mode for a batch, which is a list of events as it writes them. One was sent before.
await patient({ headers: { "Content-Type": "application/cloudevents-batch+json" }, body: JSON.stringify([page, trial]) });
