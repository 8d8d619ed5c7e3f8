import { expect, test } from "vitest";
import { InputError } from "#model/errors";
import { parseHostsFile } from "#worker/hosts-file";

const GOOD = {
  url: "https://esxi.lab.example",
  username: "meshbench",
  password_file: "secrets/esxi",
  thumbprint: Array.from({ length: 32 }, () => "AB").join(":"),
  datastore: "datastore1",
  network: "VM Network",
};

function complaintsAbout(esxi: object): string {
  const hosts = { lab: { secret_file: "secrets/host-lab", esxi } };
  try {
    parseHostsFile(JSON.stringify({ hosts }), "hosts.yaml");
    return "";
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

test("an ESXi host with all that it needs is taken", () => {
  expect(complaintsAbout(GOOD)).toBe("");
  const { thumbprint: _, ...rest } = GOOD;
  expect(complaintsAbout({ ...rest, ca_file: "ca.pem", resource_pool: "bench", domain: "lab.example" })).toBe("");
});

test.for<[what: string, change: object, complaint: string]>([
  [
    "a scheme that is none",
    { url: "ftp://esxi.lab.example" },
    'esxi.url: got "ftp://esxi.lab.example"; must begin with',
  ],
  ["no encryption", { url: "http://esxi.lab.example" }, "must begin with https://"],
  ["a path", { url: "https://esxi.lab.example/../" }, "without a path"],
  ["a pattern for a datastore", { datastore: "data*" }, 'got "data*"; must be the name of a datastore, without'],
  ["a pattern for a template", { template: "t[ab]" }, "must be the name of a VM, without"],
  ["a thumbprint of another kind", { thumbprint: "AB:CD" }, "must be a SHA-256"],
  ["two ways to trust", { insecure: true }, "at most one of thumbprint, ca_file and insecure"],
  ["insecure: false", { thumbprint: undefined, insecure: false }, "only true, where it is needed at all"],
  ["an unknown key", { datastor: "x" }, "unknown key; did you mean datastore"],
])("%s is refused", ([, change, complaint]) => {
  expect(complaintsAbout({ ...GOOD, ...change })).toContain(complaint);
});

test("a password is refused wherever it is written, and never shown", () => {
  for (const change of [{ url: "https://root:canary-pw@esxi.lab.example" }, { password: "canary-pw" }]) {
    const complaints = complaintsAbout({ ...GOOD, ...change });
    expect(complaints).toContain("value not echoed");
    expect(complaints).not.toContain("canary-pw");
  }
});
