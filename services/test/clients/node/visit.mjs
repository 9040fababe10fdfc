// What every client says of one person, in its own way of calling: see Visit in Go.
const name = process.env.CLIENT;
export const host = process.env.ASSAY_URL;
export const writeKey = process.env.WRITE_KEY;
export const userId = `u-${name}`;
export const anonymousId = `a-${name}`;
export const previousId = `p-${name}`;
export const groupId = `g-${name}`;
export const traits = {
  email: `${name}@initech.example`,
  firstName: "Ada",
  title: "VP Operations",
  plan: "trial",
};
export const event = "Trial Started";
export const properties = { plan: "team", seats: 7 };
export const page = "Pricing";
export const pageProperties = {
  path: "/pricing",
  url: "https://www.example.com/pricing",
  title: "Pricing",
};
export const company = { name: "Initech", industry: "Software", employees: 250 };
