import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { InputError } from "#model/errors";
import { DEFAULT_GUARDS } from "#model/guards";
import { TempDir } from "#test/support/temp-dir";
import { parseHostsFile, readHostsFile } from "#worker/hosts-file";
import { ensureHostsFile } from "#worker/hosts-file-defaults";
import { readHostSecret } from "#worker/host-secret";
import { locateInstallation } from "#worker/installation";
import { readHostIds, readLimits } from "#worker/limits";

const GOOD = `hosts:
  local:
    secret_file: secrets/host-local
    docker: { endpoint: unix:///var/run/docker.sock }
limits: { nodes: 64, runs: 100 }
`;

const issuesOf = (text: string): string[] => {
  try {
    parseHostsFile(text, "hosts.yaml");
  } catch (error) {
    if (error instanceof InputError) return error.message.split("\n");
    throw error;
  }
  return [];
};

test("what the operator wrote is what comes out, limits have defaults", () => {
  expect(parseHostsFile(GOOD, "hosts.yaml")).toEqual({
    hosts: { local: { secret_file: "secrets/host-local", docker: { endpoint: "unix:///var/run/docker.sock" } } },
    limits: { nodes: 64, runs: 100 },
    guards: { foreign_cpu_pct: DEFAULT_GUARDS.foreignCpuPct, quiet_wait_s: 60, gap_ms: 1000 },
    results: "here",
  });
  expect(parseHostsFile("hosts: {}", "hosts.yaml").limits).toEqual({ nodes: 256, runs: 500 });
});

const inVm = (subnet: string) =>
  GOOD.replace("docker: {", `docker: { in_vm: { endpoint: "tcp://192.0.2.7:2376", subnet: ${subnet} },`);

test("an engine in a VM has addresses that lead into it", () => {
  expect(parseHostsFile(inVm("198.19.0.0/16"), "hosts.yaml").hosts["local"]?.docker?.in_vm).toEqual({
    endpoint: "tcp://192.0.2.7:2376",
    subnet: { base: 0xc6130000, prefix: 16 },
  });
  for (const elsewhere of ["10.0.0.0/16", "198.18.0.0/25", "198.16.0.0/14", "all"]) {
    expect(issuesOf(inVm(elsewhere)).join()).toContain("must be a block of 198.18.0.0/15");
  }
});

test("the file that set-up writes is read, and so is its secret", () => {
  using dir = new TempDir();
  const installation = locateInstallation({ MESHBENCH_HOME: dir.join("home") });
  ensureHostsFile(installation, "unix:///run/other.sock");
  const file = readHostsFile(installation.hostsFile);
  expect(file?.hosts["local"]?.docker?.endpoint).toBe("unix:///run/other.sock");
  expect(readHostSecret(file!.hosts["local"]!.secret_file, installation.hostsFile)).toHaveLength(64);
  expect(readLimits(installation)).toEqual({ nodes: 256, runs: 500, hosts: ["local"] });
});

test("without a file there are the defaults, and no claim to know the hosts", () => {
  using dir = new TempDir();
  const installation = locateInstallation({ MESHBENCH_HOME: dir.join("nowhere") });
  expect(readHostsFile(installation.hostsFile)).toBeUndefined();
  expect(readLimits(installation)).toEqual({ nodes: 256, runs: 500 });
  expect(readHostIds(installation)).toEqual(["local"]);
});

const mistakes: [what: string, text: string, line: RegExp][] = [
  ["results somewhere", `${GOOD}results: there\n`, /:6:1: results: got "there"; one of here, elsewhere/],
  ["an unknown key", GOOD.replace("limits:", "limitz:"), /hosts\.yaml:5:1: limitz: .*unknown key; did you mean limits/],
  ["an unknown key of a host", GOOD.replace("docker:", "dokcer:"), /:4:5: hosts\.local\.dokcer: .*did you mean docker/],
  ["a host id with a path", GOOD.replace("local:", '"../x":'), /got "\.\.\/x"; a host id is \[a-z0-9-\]\{2,32\}/],
  [
    "a limit of none",
    GOOD.replace("nodes: 64", "nodes: 0"),
    /:5:11: limits\.nodes: got 0; must be an integer 1\.\.256/,
  ],
  [
    "more nodes than a node's table can tell apart",
    GOOD.replace("nodes: 64", "nodes: 257"),
    /limits\.nodes: got 257; must be an integer 1\.\.256/,
  ],
  [
    "a guard above 100 %",
    `${GOOD}guards: { foreign_cpu_pct: 101 }`,
    /:6:11: guards\.foreign_cpu_pct: got 101; must be an integer 1\.\.100/,
  ],
  [
    "an unknown guard",
    `${GOOD}guards: { foreign_cpu_pc: 1 }`,
    /:6:11: guards\.foreign_cpu_pc: .*did you mean foreign_cpu_pct/,
  ],
  ["a limit in words", GOOD.replace("nodes: 64", "nodes: many"), /limits\.nodes: got "many"; must be an integer/],
  ["no secret file", GOOD.replace(/ +secret_file.*\n/, ""), /hosts\.local\.secret_file: got nothing; must be the path/],
  ["no hosts", "limits: { nodes: 3 }", /hosts: got nothing/],
  ["a list", "- hosts", /got \["hosts"\]/],
  ["broken YAML", "hosts: [", /hosts\.yaml:1:\d+: hosts\.yaml: .*not valid YAML/],
  ["a reserved key", GOOD.replace("limits:", "__proto__:"), /__proto__.*unknown key/],
  ["an alias", "hosts: &h {}\nlimits: *h", /aliases are not supported/],
];
test.for(mistakes)("%s is refused with its place", ([, text, line]) => {
  expect(issuesOf(text)).toEqual([expect.stringMatching(line)]);
});

test("all mistakes come at once", () => {
  expect(
    issuesOf(GOOD.replace("nodes: 64, runs: 100", "nodes: 0, runs: 0").replace("docker:", "dokcer:")),
  ).toHaveLength(3);
});

test.for([
  [
    "an inline password",
    GOOD.replace("docker:", "password: hunter2\n    docker:"),
    /use a secret file 0600.*value not echoed/,
  ],
  ["an address with a password", GOOD.replace("unix:///var", "tcp://me:hunter2@h:2376//var"), /value not echoed/],
] as const)("%s is refused and not shown", ([, text, line]) => {
  const [issue] = issuesOf(text);
  expect(issue).toMatch(line);
  expect(issue).not.toContain("hunter2");
});

type BadFile = [what: string, make: (path: string) => void, rule: RegExp];
const badFiles: BadFile[] = [
  ["that others may read", (path) => (writeFileSync(path, GOOD), chmodSync(path, 0o644)), /mode 0644.*chmod 600/],
  ["that is a directory", (path) => mkdirSync(path, { mode: 0o700 }), /is a directory/],
  ["that is a pipe", (path) => execFileSync("mkfifo", ["-m", "600", path]), /is no regular file/],
  ["that is a link", (path) => symlinkSync("/etc/hostname", path), /is a symbolic link/],
  ["of 50 MB", (path) => writeFileSync(path, Buffer.alloc(50e6, "a"), { mode: 0o600 }), /larger than 1 MiB/],
  [
    "that is not UTF-8",
    (path) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0x41]), { mode: 0o600 }),
    /is not UTF-8/,
  ],
  ["with a byte order mark", (path) => writeFileSync(path, `\uFEFF${GOOD}`, { mode: 0o600 }), /byte order mark/],
  ["that is empty", (path) => writeFileSync(path, "\n", { mode: 0o600 }), /is empty/],
];
test.for(badFiles)("a file %s is refused", ([, make, rule]) => {
  using dir = new TempDir();
  const path = dir.join("hosts.yaml");
  make(path);
  expect(() => readHostsFile(path)).toThrow(rule);
});

test("a secret that is missing, short or readable by others is refused, and never shown", () => {
  using dir = new TempDir();
  const [hostsFile, secret] = [dir.join("hosts.yaml"), dir.join("secret")];
  expect(() => readHostSecret("secret", hostsFile)).toThrow(/no such file/);
  writeFileSync(secret, "hunter2", { mode: 0o600 });
  expect(() => readHostSecret("secret", hostsFile)).toThrow(/shorter than 32 characters/);
  expect(() => readHostSecret("secret", hostsFile)).not.toThrow(/hunter2/);
  chmodSync(secret, 0o640);
  expect(() => readHostSecret("secret", hostsFile)).toThrow(/mode 0640/);
});
