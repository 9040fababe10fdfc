const Analytics = require("@rudderstack/rudder-sdk-node").default ?? require("@rudderstack/rudder-sdk-node");

(async () => {
  const v = await import("./visit.mjs");
  const client = new Analytics(v.writeKey, { dataPlaneUrl: v.host, flushAt: 3, flushInterval: 200, retryCount: 10 });
  const who = { userId: v.userId, anonymousId: v.anonymousId };
  client.page({ anonymousId: v.anonymousId, name: v.page, properties: v.pageProperties });
  client.identify({ ...who, traits: v.traits });
  client.track({ ...who, event: v.event, properties: v.properties });
  client.group({ ...who, groupId: v.groupId, traits: v.company });
  client.alias({ userId: v.userId, previousId: v.previousId });
  await client.flush();
})();
