import { jitsuAnalytics } from "@jitsu/js";
import * as v from "./visit.mjs";

// The client never tries again by itself, so that what is refused once would be lost; it
// takes a fetch that does.
async function patient(url, options) {
  for (;;) {
    const answer = await fetch(url, options);
    if (answer.status !== 429 && answer.status !== 503) return answer;
    await new Promise((done) => setTimeout(done, 1_000 * answer.headers.get("Retry-After")));
  }
}

// It wants a key with two parts; Assay reads the first.
const analytics = jitsuAnalytics({ host: v.host, writeKey: `${v.writeKey}:assay`, s2s: true, fetch: patient });
await analytics.setAnonymousId(v.anonymousId);
await analytics.page(v.page, v.pageProperties);
await analytics.identify(v.userId, v.traits);
await analytics.track(v.event, v.properties);
await analytics.group(v.groupId, v.company);
