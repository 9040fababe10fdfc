import { Analytics } from "@segment/analytics-node";
import * as v from "./visit.mjs";

const analytics = new Analytics({ writeKey: v.writeKey, host: v.host, maxEventsInBatch: 3, flushInterval: 200, maxRetries: 10 });
analytics.on("error", (error) => console.error("error:", error.code, error.reason));
const who = { userId: v.userId, anonymousId: v.anonymousId };
analytics.page({ anonymousId: v.anonymousId, name: v.page, properties: v.pageProperties });
analytics.identify({ ...who, traits: v.traits });
analytics.track({ ...who, event: v.event, properties: v.properties });
analytics.group({ ...who, groupId: v.groupId, traits: v.company });
analytics.alias({ userId: v.userId, previousId: v.previousId });
await analytics.closeAndFlush({ timeout: 60_000 });
