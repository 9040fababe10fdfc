import { jitsuAnalytics } from "@jitsu/js";
import * as v from "./visit.mjs";

// The client wants a key with two parts; Assay reads the first.
// The client never tries again, so that what is refused once is lost: each call is made
// until it is taken.
const analytics = jitsuAnalytics({ host: v.host, writeKey: `${v.writeKey}:assay`, s2s: true, errorPolicy: "rethrow", fetchTimeoutMs: 10_000 });

async function say(call) {
  for (let i = 0; ; i++) {
    try {
      return await call();
    } catch (error) {
      if (i === 10) throw error;
      await new Promise((done) => setTimeout(done, 1_100));
    }
  }
}

await analytics.setAnonymousId(v.anonymousId);
await say(() => analytics.page(v.page, v.pageProperties));
await say(() => analytics.identify(v.userId, v.traits));
await say(() => analytics.track(v.event, v.properties));
await say(() => analytics.group(v.groupId, v.company));
