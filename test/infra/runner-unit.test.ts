import { expect, test } from "vitest";
import { runnerUnit } from "#infra/runner/unit";

test("the poller's unit runs as its user, writes to its folders only, and holds no secret", () => {
  const command = ["/usr/bin/node", "/opt/meshbench/infra/runner.ts", "serve", "--repository", "octo/mesh"];
  const [home, cache] = ["/home/bench/.meshbench", "/home/bench/.cache/meshbench"];
  const unit = runnerUnit({ user: "bench", home, cache, folder: "/opt/runner", command });
  for (const line of [
    "User=bench",
    "ExecStart=/usr/bin/node /opt/meshbench/infra/runner.ts serve --repository octo/mesh",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ReadWritePaths=/home/bench/.meshbench -/home/bench/.cache/meshbench /opt/runner",
    "Restart=always",
    "WantedBy=multi-user.target",
  ]) {
    expect(unit.split("\n")).toContain(line);
  }
  expect(unit).not.toMatch(/token|key|secret/i);
});
