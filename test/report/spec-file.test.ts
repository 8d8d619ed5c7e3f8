import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { parseSpec } from "#model/parse-spec";
import type { Spec } from "#model/spec";
import { DEFAULT_LIMITS } from "#model/spec-schema";
import { specFile } from "#report/spec-file";

const environments = {
  containers: { provider: "docker", cpus: 2, memory: "1GiB", ram_disk: "300MiB", dns: ["10.0.0.2"], max_nodes: 32 },
  vms: { provider: "qemu", cpus: 2, memory: "1GiB", image: `sha256:${"ab".repeat(32)}`, kernel: "host" },
  nested: { provider: "docker", inside: "vm", cpus: 2, memory: "1GiB" },
};

describe("the file of a spec reads as the same spec", () => {
  test.each<[string, object]>([
    ["with the fewest keys", { nodes: 2, rate: 5000 }],
    ["with every axis", { matrix: { mode: ["baseline", "replicated"], nodes: [2, 4], rate: [5000, 60_000] } }],
    [
      "with axes of cpus and memory",
      {
        nodes: 2,
        rate: 5000,
        aggregation: 1,
        matrix: { cpus: [1, 2], memory: ["512MiB", "1GiB"], duration: ["500ms", "90s"] },
      },
    ],
    ["with words that YAML could take for truth values", { nodes: 2, rate: 5000, observe: "off", keep: "on-failure" }],
    [
      "with thresholds and a deadline",
      {
        nodes: 2,
        rate: 5000,
        deadline: "5m",
        thresholds: { deviation_pct: { median: "< 5", max: "<= 7.5" }, sync_s: { max: "< 2" } },
      },
    ],
    ["with marks on what is ours", { nodes: 15, matrix: { rate: [5000] }, duration: "60s", ours: ["matrix.rate"] }],
  ])("%s", (_, keys) => {
    const spec = parseSpec({ version: 1, name: "some-sweep", environments, ...keys }, DEFAULT_LIMITS);
    expect(reparsed(spec)).toEqual(spec);
  });
});

const reparsed = (spec: Spec): Spec => parseSpec(parse(specFile(spec)), DEFAULT_LIMITS);
