const Analytics = require("analytics-node");

(async () => {
  const v = await import("./visit.mjs");
  const analytics = new Analytics(v.writeKey, { host: v.host, flushAt: 3, flushInterval: 200, retryCount: 10 });
  const who = { userId: v.userId, anonymousId: v.anonymousId };
  analytics.page({ anonymousId: v.anonymousId, name: v.page, properties: v.pageProperties });
  analytics.identify({ ...who, traits: v.traits });
  analytics.track({ ...who, event: v.event, properties: v.properties });
  analytics.group({ ...who, groupId: v.groupId, traits: v.company });
  analytics.alias({ userId: v.userId, previousId: v.previousId });
  // A batch that is away for the third time is not waited for by flush: it resolves all.
  await analytics.flush();
})();
