// What every client says of one person, in its own way of calling: see visit in Go.
const query = new URLSearchParams(location.search);
const name = query.get("client");
window.visit = {
  assay: query.get("assay"),
  writeKey: query.get("key"),
  batching: query.get("batching") === "1",
  userId: `u-${name}`,
  anonymousId: `a-${name}`,
  previousId: `p-${name}`,
  groupId: `g-${name}`,
  traits: { email: `${name}@initech.example`, firstName: "Ada", title: "VP Operations", plan: "trial" },
  event: "Trial Started",
  properties: { plan: "team", seats: 7 },
  page: "Pricing",
  pageProperties: { path: "/pricing", url: "https://www.example.com/pricing", title: "Pricing" },
  company: { name: "Initech", industry: "Software", employees: 250 },
};
